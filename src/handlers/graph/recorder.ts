// Hears what the tasks of a running graph say and do, in order: hands it on as events, and keeps what each task said until it is
// stored with what the task wrote. Whatever a finished task said is then said once, even when the process dies right after it.
import { BaseCallbackHandler, type HandleLLMNewTokenCallbackFields } from "@langchain/core/callbacks/base"
import type { Serialized } from "@langchain/core/load/serializable"
import type { LLMResult } from "@langchain/core/outputs"
import { getConfig } from "@langchain/langgraph"
import { z } from "zod"
import { ChatError } from "../../errors.ts"
import type { Usage } from "../../protocol/message.ts"
import { HandlerEvent } from "../handler.ts"
import { eventOf } from "./events.ts"
import { addUsage, textOfGeneration, textOfToken, usageOf } from "./model-output.ts"
import type { Wrote } from "./saver.ts"

/** Events that wait to be read; a node that makes more at once has run away. */
const most = 10_000

/** What a task said: each event with its place among all of the turn. */
const Said = z.array(z.tuple([z.int(), HandlerEvent]))
type Said = [number, HandlerEvent][]

interface Task {
  readonly name: string
  readonly parent: string | undefined
  readonly said: Said
}

type Metadata = Readonly<Record<string, unknown>>

export class Recorder extends BaseCallbackHandler {
  readonly name = "bisheng-chat"
  /** Else what a model says could overtake what the node says after it. */
  override readonly awaitHandlers = true
  /** Models stream, also when a node waits for the whole answer. */
  readonly lc_prefer_streaming = true
  /** Some text was said in this turn. */
  spoke = false
  readonly #tasks = new Map<string, Task>()
  /** Calls of models that are listened to -> the task. */
  readonly #calls = new Map<string, { readonly task_id: string; streamed: boolean }>()
  readonly #events: HandlerEvent[] = []
  #wake: () => void = () => undefined
  #ended: { readonly error?: unknown } | undefined
  #place = 0
  #usage: Usage | undefined;

  /** Says again what finished tasks said in a run that died. */
  *replay(lists: readonly unknown[]): Generator<HandlerEvent> {
    const said = lists.flatMap((list) => Said.parse(list)).sort(([one], [other]) => one - other)
    for (const [place, event] of said) {
      this.#place = place + 1
      if (event.type === "text") this.spoke = true
      if (event.type === "usage") this.#usage = event.usage
      yield event
    }
  }

  /** The events, until `end`; throws what it was ended with. */
  async *events(): AsyncGenerator<HandlerEvent> {
    for (;;) {
      const event = this.#events.shift()
      if (event) yield event
      else if (this.#ended) {
        if ("error" in this.#ended) throw this.#ended.error
        return
      } else
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
    }
  }

  end(ended: { readonly error?: unknown } = {}): void {
    this.#ended ??= ended
    this.#wake()
  }

  /** Ends at once: what waits is not wanted any more. */
  stop(): void {
    this.#events.length = 0
    this.end()
  }

  /** What a node says with `config.writer`. Throws a ChatError for what cannot be passed on. */
  readonly write = (chunk: unknown): void => {
    const id: unknown = getConfig()?.configurable?.__pregel_task_id
    this.#say(typeof id === "string" ? id : "", eventOf(chunk))
  }

  push(event: HandlerEvent): void {
    if (this.#ended) return
    if (this.#events.length >= most) throw new ChatError("handler_flooded")
    this.#events.push(event)
    this.#wake()
  }

  /** A task wrote to these channels: it is over, for now. That is told when it is kept, and what it said with it if it finished. */
  readonly wrote = (task_id: string, channels: readonly string[]): Wrote | undefined => {
    const task = this.#tasks.get(task_id)
    if (!task) return undefined
    this.#tasks.delete(task_id)
    const failed = channels.includes("__error__")
    const asks = channels.includes("__interrupt__")
    const over = stepOf(task_id, task, failed ? "failed" : "completed", asks ? { detail: { asks: true } } : {})
    task.said.push([this.#place++, over])
    const stored = () => this.push(over)
    return failed || asks ? { stored } : { said: task.said, stored }
  }

  override handleChainStart(
    ...[, , runId, , tags, metadata, , name]: Parameters<NonNullable<BaseCallbackHandler["handleChainStart"]>>
  ): void {
    void runId
    if (!metadata || name !== metadata.langgraph_node || tags?.includes("langsmith:hidden")) return
    const path = pathOf(metadata)
    const task_id = path.at(-1)
    if (!name || task_id === undefined || this.#tasks.has(task_id)) return
    const task: Task = { name, parent: path.at(-2), said: [] }
    this.#tasks.set(task_id, task)
    this.#keep(task, stepOf(task_id, task, "running"))
  }

  override handleChatModelStart(
    ...[, , runId, , , tags, metadata]: Parameters<NonNullable<BaseCallbackHandler["handleChatModelStart"]>>
  ): void {
    this.#listen(runId, tags, metadata)
  }

  override handleLLMStart(
    _model: Serialized,
    _prompts: string[],
    ...[runId, , , tags, metadata]: [string, string?, object?, string[]?, Metadata?]
  ): void {
    this.#listen(runId, tags, metadata)
  }

  override handleLLMNewToken(
    token: string,
    _place: unknown,
    runId: string,
    _parent?: string,
    _tags?: string[],
    fields?: HandleLLMNewTokenCallbackFields,
  ): void {
    const call = this.#calls.get(runId)
    if (!call) return
    call.streamed = true
    const text = textOfToken(token, fields)
    if (text !== "") this.#say(call.task_id, { type: "text", text })
  }

  override handleLLMEnd(output: LLMResult, runId: string): void {
    const call = this.#calls.get(runId)
    if (!call) return
    this.#calls.delete(runId)
    const text = call.streamed ? "" : textOfGeneration(output)
    if (text !== "") this.#say(call.task_id, { type: "text", text })
    const usage = usageOf(output)
    if (!usage) return
    this.#usage = addUsage(this.#usage, usage)
    this.#say(call.task_id, { type: "usage", usage: this.#usage })
  }

  override handleLLMError(_error: unknown, runId: string): void {
    this.#calls.delete(runId)
  }

  #listen(runId: string, tags: readonly string[] | undefined, metadata: Metadata | undefined): void {
    const silent = tags?.some((tag) => tag === "nostream" || tag === "langsmith:nostream")
    if (!silent) this.#calls.set(runId, { task_id: pathOf(metadata ?? {}).at(-1) ?? "", streamed: false })
  }

  #say(task_id: string, event: HandlerEvent): void {
    if (event.type === "text") this.spoke = true
    const task = this.#tasks.get(task_id)
    if (task) this.#keep(task, event)
    else this.push(event)
  }

  #keep(task: Task, event: HandlerEvent): void {
    task.said.push([this.#place++, event])
    this.push(event)
  }
}

/** The tasks that a namespace names, outermost first: `node:task|node:task`. */
function pathOf({ langgraph_checkpoint_ns: ns }: Metadata): string[] {
  if (typeof ns !== "string") return []
  return ns
    .split("|")
    .flatMap((segment) => (segment.includes(":") ? [segment.slice(segment.lastIndexOf(":") + 1)] : []))
}

function stepOf(
  step_id: string,
  { name, parent }: Task,
  state: "running" | "completed" | "failed",
  detail: { detail?: { asks: true } } = {},
): HandlerEvent {
  const step = { step_id, name: name.slice(0, 256), state, ...detail }
  return { type: "step", step: parent === undefined ? step : { ...step, parent_id: parent } }
}
