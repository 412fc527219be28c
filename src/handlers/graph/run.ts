// One turn of a graph: finds where it stands, runs it on from there, and tells how it came to rest. Read it top to bottom.
import { Command } from "@langchain/langgraph"
import { ChatError } from "../../errors.ts"
import type { GraphOptions } from "../graph.ts"
import type { HandlerEvent } from "../handler.ts"
import { type Entry, entryAgain, entryOf } from "./entry.ts"
import { inputOf, outputOf } from "./input-output.ts"
import { type Position, positionIn } from "./position.ts"
import { questionsIn } from "./question.ts"
import { said } from "./tuple.ts"
import { ask, type Context, checkpointOf, readsBack, type Turn, turnOf } from "./turn.ts"

export async function* runGraph(context: Context): AsyncGenerator<HandlerEvent> {
  const stopping = new AbortController()
  const signal = AbortSignal.any([context.signal, stopping.signal])
  try {
    const turn = await turnOf({ ...context, signal })
    const position = positionIn(context.checkpoint, turn.graph.name)
    const entry = yield* context.attempt > 1 || context.resuming ? entryAgain(turn, position) : entryOf(turn, position)
    if (entry && !signal.aborted) yield* run(turn, entry)
  } catch (error) {
    // What fails because it was stopped is no fault of the graph.
    if (!context.signal.aborted) throw error
  } finally {
    stopping.abort()
  }
}

async function* run(turn: Turn, entry: Entry): AsyncGenerator<HandlerEvent> {
  const { context, recorder } = turn
  context.signal.addEventListener("abort", () => recorder.stop(), { once: true })
  const running = work(turn, entry).then(
    (result) => {
      recorder.end()
      return result
    },
    (error: unknown) => {
      recorder.end({ error })
      return undefined
    },
  )
  try {
    yield* recorder.events()
  } catch (cause) {
    if (context.signal.aborted) return
    if (turn.checkpoint_id !== "") {
      const untouched = entry.kind === "answers" && turn.checkpoint_id === entry.from.checkpoint_id
      yield checkpointOf(turn, "failed", untouched ? entry.waiting : null)
    }
    throw errorOf(cause, context.options)
  }
  const result = await running
  if (context.signal.aborted) return
  const questions = questionsIn(result)
  if (questions) return yield* ask(turn, { questions, answers: {} })
  yield* outputOf(turn.graph, stateOf(result), turn.chat, recorder.spoke)
  yield checkpointOf(turn, "done", null)
}

/** Runs the graph until it has come to its end, or asks. Resolves with LangGraph's result. */
async function work(turn: Turn, entry: Entry): Promise<unknown> {
  const { context, graph, builder, saver, recorder, chat, thread_id } = turn
  const { options, signal } = context
  if (entry.kind !== "input" && entry.from && entry.from.thread_id !== thread_id) await copy(turn, entry.from)
  return builder.compile({ checkpointer: saver }).invoke(await inputFor(entry, () => inputOf(graph, builder, chat)), {
    configurable: { ...options.config, chat, thread_id, checkpoint_ns: undefined, checkpoint_id: undefined },
    callbacks: [recorder],
    writer: recorder.write,
    recursionLimit: options.recursion_limit,
    // A step is stored before the next one begins.
    durability: "sync",
    signal,
  })
}

async function inputFor(entry: Entry, input: () => Promise<unknown>): Promise<unknown> {
  if (entry.kind === "input") return input()
  return entry.kind === "answers" ? new Command({ resume: entry.waiting.answers }) : null
}

/** The thread of the turn before stays as it is, for other branches. */
async function copy(turn: Turn, { thread_id: from, checkpoint_id }: Position): Promise<void> {
  const { saver, builder, thread_id: to } = turn
  const tuple = await saver.getTuple({ configurable: { thread_id: from, checkpoint_ns: "", checkpoint_id } })
  if (!tuple)
    throw new ChatError("handler_failed", { cause: new Error(`the checkpoint ${checkpoint_id} is not there`) })
  const tasks = new Set((tuple.pendingWrites ?? []).map(([task_id]) => task_id))
  await saver.copyThread({ from, to, tasks: [...tasks], whole: readsBack(builder), without: said })
  turn.checkpoint_id = checkpoint_id
}

function stateOf(result: unknown): Readonly<Record<string, unknown>> {
  return typeof result === "object" && result !== null ? { ...result } : {}
}

function errorOf(cause: unknown, { recursion_limit: limit }: GraphOptions): unknown {
  if (cause instanceof Error && cause.name === "GraphRecursionError")
    return new ChatError("too_many_steps", { params: { limit }, cause })
  const causes: unknown[] = cause instanceof AggregateError ? cause.errors : []
  return causes.map((each) => ChatError.within(each)).find((each) => each !== undefined) ?? cause
}
