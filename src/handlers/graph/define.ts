// What a module gives that is to be run as a graph: a StateGraph that is not compiled yet, and how people speak to it.
import type { BaseCheckpointSaver } from "@langchain/langgraph-checkpoint"
import type { Clock } from "../../clock.ts"
import type { Language } from "../../language/language.ts"
import type { Log } from "../../log.ts"
import type { Message } from "../../protocol/message.ts"
import type { Session } from "../../protocol/session.ts"
import type { Files } from "../files.ts"
import type { Exchange, HandlerEvent } from "../handler.ts"

/** What nodes, `input` and `output` know of the chat; nodes find it with `chatOf(config)`. */
export interface GraphChat {
  readonly session: Session
  readonly message: Message
  readonly history: readonly Exchange[]
  readonly language: Language
  /** `config` of the flow's options. */
  readonly options: Readonly<Record<string, unknown>>
  readonly files: Files
  readonly clock: Clock
  readonly log: Log
}

/** As LangGraph's CompiledStateGraph. */
export interface CompiledGraph {
  invoke(input: unknown, options: object): Promise<unknown>
}

/** As LangGraph's StateGraph: not compiled, so that its checkpoints are kept by this service. */
export interface GraphBuilder {
  readonly channels: object
  compile(options: { checkpointer: BaseCheckpointSaver }): CompiledGraph
}

export interface Graph {
  /** Named in logs, and in what is kept of a run: another name, and a run that waits begins anew. */
  readonly name: string
  /** One line for people. */
  readonly description: string
  /** Called for each turn. */
  build(given: { readonly options: Readonly<Record<string, unknown>> }): GraphBuilder | Promise<GraphBuilder>
  /** The state to begin with; without it, the conversation as `messages` and what was said as `input`. */
  input?(message: Message, chat: GraphChat): unknown
  /**
   * What is said when the graph came to its end. Without it, when nothing was said on the way: `output` of the state, or the last
   * of its `messages`.
   */
  output?(state: Readonly<Record<string, unknown>>, chat: GraphChat): string | readonly HandlerEvent[] | null
  /** False: a run whose instance died ends as failed; else it goes on from its last checkpoint. */
  readonly resumable?: boolean
}

/** Gives a graph its types; use it as the default export of a module. */
export function defineGraph(graph: Graph): Graph {
  return graph
}

/** The chat in which a node runs, from its second argument. */
export function chatOf(config: { readonly configurable?: Readonly<Record<string, unknown>> | undefined }): GraphChat {
  const chat = config.configurable?.chat
  if (!isChat(chat)) throw new Error("this graph is not run by the handler `graph`: there is no chat")
  return chat
}

function isChat(value: unknown): value is GraphChat {
  return typeof value === "object" && value !== null && "session" in value && "language" in value
}
