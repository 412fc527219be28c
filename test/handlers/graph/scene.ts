// A graph in the hands of a test: real checkpoints in a database of its own, turn after turn, as the service would call it.
import { join } from "node:path"
import graph, { GraphOptions } from "../../../src/handlers/graph.ts"
import type { GraphCheckpoints } from "../../../src/handlers/graph-checkpoints.ts"
import type { HandlerContext, HandlerEvent } from "../../../src/handlers/handler.ts"
import { newId } from "../../../src/ids.ts"
import { Json } from "../../../src/protocol/ids.ts"
import type { Part } from "../../../src/protocol/message.ts"
import { openGraphCheckpoints } from "../../../src/store/graph-checkpoints.ts"
import { openTestDatabase, type TestDatabase } from "../../support/database.ts"
import { effectsIn } from "../../support/graphs/effects.ts"
import { collect, context, message } from "../context.ts"

export interface Said {
  readonly text?: string
  readonly answer?: unknown
  readonly turn_id?: string
  readonly over?: Partial<HandlerContext<GraphOptions>>
  each?(event: HandlerEvent): void | Promise<void>
}

type Of<Type extends HandlerEvent["type"]> = Extract<HandlerEvent, { type: Type }>

export interface Turn {
  readonly events: readonly HandlerEvent[]
  readonly error: unknown
  /** The pieces of text, joined. */
  readonly text: string
  readonly question: Of<"question"> | undefined
  /** As the next turn gets it: of this one, if it left one. */
  readonly checkpoint: unknown
  /** `name state`, in order. */
  readonly steps: readonly string[]
}

export interface Scene extends AsyncDisposable {
  readonly db: TestDatabase
  readonly graphs: GraphCheckpoints
  readonly options: GraphOptions
  /** A turn on from a checkpoint. */
  turn(checkpoint: unknown, said?: Said): Promise<Turn>
  /** What nodes did, in order. */
  effects(): string[]
  rows(table: "graph_checkpoints" | "graph_writes"): Promise<number>
}

/** The path of a graph for tests. */
export function graphAt(name: string): string {
  return join(import.meta.dir, `../../support/graphs/${name}.ts`)
}

export async function graphScene(name: string, config: object = {}, options: object = {}): Promise<Scene> {
  const db = await openTestDatabase()
  const file = join(db.folder, "effects")
  const given = { graph: name === "intake" ? name : graphAt(name), config: { file, ...config }, ...options }
  const parsed = await GraphOptions.parseAsync(given)
  const graphs = openGraphCheckpoints(db)
  return {
    db,
    graphs,
    options: parsed,
    async turn(checkpoint, { text = "", answer, turn_id = newId("turn"), over = {}, each } = {}) {
      const parts: Part[] =
        answer === undefined ? [] : [{ type: "input", input_id: "inp_1", answer: Json.parse(answer) }]
      const said = message({ message: text, parts })
      const made = context({ options: parsed, graphs, checkpoint, turn_id, message: said, ...over })
      return read(await collect(graph.run(made), each), checkpoint)
    },
    effects: () => effectsIn(file),
    async rows(table) {
      const { rows } = await db.client.execute(`select count(*) as count from ${table}`)
      return Number(rows[0]?.count)
    },
    [Symbol.asyncDispose]: () => Promise.resolve(db[Symbol.asyncDispose]()),
  }
}

function read(run: Pick<Turn, "events" | "error">, before: unknown): Turn {
  const left = run.events.findLast((event): event is Of<"checkpoint"> => event.type === "checkpoint")
  return {
    ...run,
    text: run.events.map((event) => (event.type === "text" ? event.text : "")).join(""),
    question: run.events.find((event): event is Of<"question"> => event.type === "question"),
    checkpoint: left ? left.checkpoint : before,
    steps: run.events.flatMap((event) => (event.type === "step" ? [`${event.step.name} ${event.step.state}`] : [])),
  }
}
