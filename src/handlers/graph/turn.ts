// What belongs to one turn of a graph, and the words in which it tells where it stands.
import { ChatError } from "../../errors.ts"
import { Json } from "../../protocol/ids.ts"
import type { GraphOptions } from "../graph.ts"
import type { HandlerContext, HandlerEvent } from "../handler.ts"
import type { Graph, GraphBuilder, GraphChat } from "./define.ts"
import { builderOf, loadGraph } from "./load.ts"
import { patientCheckpoints } from "./patient.ts"
import { openOf, type Position, type Waiting } from "./position.ts"
import { Recorder } from "./recorder.ts"
import { GraphSaver } from "./saver.ts"

/** Checkpoints of a turn that stay while it runs: the last one is what is needed, the others are for what a crash tore off. */
const keep = 10
/** Milliseconds that a graph waits for the database. */
const patience = 60_000

export type Context = HandlerContext<GraphOptions>

export interface Turn {
  readonly context: Context
  readonly graph: Graph
  readonly builder: GraphBuilder
  readonly chat: GraphChat
  readonly recorder: Recorder
  readonly saver: GraphSaver
  readonly thread_id: string
  /** The last checkpoint of the thread. */
  checkpoint_id: string
}

export async function turnOf(context: Context): Promise<Turn> {
  const { message, options, graphs, clock, signal, turn_id: thread_id } = context
  const found = await loadGraph(options.graph)
  if ("problem" in found) throw new ChatError("handler_failed", { cause: new Error(found.problem) })
  const { graph } = found
  const { session, history, language, files, log } = context
  const builder = await builderOf(graph, options.config)
  const recorder = new Recorder()
  const saver = new GraphSaver({
    graphs: patientCheckpoints(graphs, { clock, signal, patience }),
    max_bytes: options.max_checkpoint_bytes,
    keep: readsBack(builder) ? undefined : keep,
    wrote: recorder.wrote,
    putting({ checkpoint_ns, checkpoint_id }, { source }) {
      if (checkpoint_ns !== "") return
      turn.checkpoint_id = checkpoint_id
      // The first one comes while nodes run already; and without it a turn that is run again finds it by itself.
      if (source === "loop") recorder.push(checkpointOf(turn, "running", null))
    },
  })
  const chat = { session, message, history, language, files, clock, log, options: options.config }
  const turn: Turn = { context, graph, builder, chat, recorder, saver, thread_id, checkpoint_id: "" }
  return turn
}

export async function* ask(turn: Turn, waiting: Waiting): AsyncGenerator<HandlerEvent> {
  const open = openOf(waiting)
  if (!open) return
  const { prompt, fields, expires_in_s } = open
  yield checkpointOf(turn, "waiting", waiting)
  yield { type: "question", prompt, fields, ...(expires_in_s === undefined ? {} : { expires_in_s }) }
}

export function checkpointOf(turn: Turn, state: Position["state"], waiting: Waiting | null): HandlerEvent {
  const { graph, thread_id, checkpoint_id, context } = turn
  const { turn_id } = context
  const position: Position = { graph: graph.name, thread_id, checkpoint_id, state, waiting, turn_id }
  return { type: "checkpoint", checkpoint: Json.parse(JSON.parse(JSON.stringify(position))) }
}

/** Does one of its channels put its value together from earlier checkpoints? */
export function readsBack({ channels }: GraphBuilder): boolean {
  return Object.values(channels).some(
    (channel: object) => "lc_graph_name" in channel && channel.lc_graph_name === "DeltaChannel",
  )
}
