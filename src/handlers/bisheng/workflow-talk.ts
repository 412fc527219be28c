// One turn with a workflow: what is asked of it, what it comes to, and what the next turn must know.
import { z } from "zod"
import { ChatError } from "../../errors.ts"
import { Json } from "../../protocol/ids.ts"
import type { BishengWorkflowOptions } from "../bisheng-workflow.ts"
import { createDeadline, type Deadline } from "../deadline.ts"
import type { HandlerContext, HandlerEvent } from "../handler.ts"
import { textOf } from "../messages.ts"
import { errorOf } from "./refusal.ts"
import { createService, type Service } from "./service.ts"
import { pathsOf, type UploadDeps } from "./uploads.ts"
import { Failure, type WorkflowEvent } from "./workflow-event.ts"
import { inputFor, Waiting, waitingFor } from "./workflow-question.ts"
import { WorkflowRun } from "./workflow-run.ts"
import { WorkflowSpeech } from "./workflow-speech.ts"

/** What a turn leaves for the next one. */
const Checkpoint = z.union([
  Waiting,
  /** It is at work: whoever finds this later lost it. */
  z.object({ state: z.literal("running"), session_id: z.string() }),
  /** It came to its end; the same session may begin again. */
  z.object({ state: z.literal("over"), session_id: z.string() }),
  z.object({ state: z.literal("gone") }),
])
type Checkpoint = z.infer<typeof Checkpoint>

type Request = { readonly session_id?: string } & Readonly<Record<string, unknown>>

export class WorkflowTalk {
  /** What it waits for. */
  waiting: Waiting | undefined
  /** It was answered, but had forgotten the question and began again. */
  restarted = false
  readonly #context: HandlerContext<BishengWorkflowOptions>
  readonly #known: Checkpoint | undefined
  readonly #service: Service
  readonly #deadline: Deadline
  readonly #run: WorkflowRun
  readonly #speech: WorkflowSpeech
  /** The workflow has not got what the person says. */
  #unsaid = true
  /** The question that this turn answers. */
  #answered: Waiting | undefined

  constructor(context: HandlerContext<BishengWorkflowOptions>) {
    const { options, checkpoint, clock, log, signal } = context
    this.#context = context
    this.#known = Checkpoint.safeParse(checkpoint).data
    this.#service = createService(options)
    this.#deadline = createDeadline(clock)
    const { workflow_id, first_event_timeout_s, idle_timeout_s } = options
    const timeouts = { first_event_timeout_s, idle_timeout_s }
    const deps = { service: this.#service, workflow_id, clock, log, signal, deadline: this.#deadline, ...timeouts }
    this.#run = new WorkflowRun(deps)
    this.#speech = new WorkflowSpeech(options.base_url, this.#known?.state !== "over")
  }

  /** The first request; undefined when the person has to be asked again first. */
  async begin(): Promise<Request | undefined> {
    const { override } = this.#context.options
    const known = this.#known
    if (known?.state === "waiting") {
      this.waiting = known
      const input = await this.#inputFor(known)
      if (!input) return undefined
      this.#answered = known
      this.#unsaid = false
      return input
    }
    // Two readers would take each other's events: the run that was lost must end before another begins.
    if (known?.state === "running") await this.#run.stopSession(known.session_id)
    const again = known?.state === "over" ? { session_id: known.session_id } : {}
    return { ...again, ...(override ? { override } : {}) }
  }

  /** Reads what comes of a request: what the workflow waits for then, or nothing when it is over. */
  async *follow(request: Request): AsyncGenerator<HandlerEvent, Waiting | undefined> {
    this.waiting = undefined
    if (request.session_id !== undefined) yield running(request.session_id)
    await this.#run.invoke(request)
    let told = request.session_id
    for (let event = await this.#run.next(); event; event = await this.#run.next()) {
      const { session_id } = this.#run
      if (session_id !== undefined && told !== session_id) yield running(session_id)
      told = session_id
      this.#noticeRestart(event)
      for (const said of this.#speech.hear(event)) {
        this.#context.signal.throwIfAborted()
        yield said
      }
      if (event.event === "close") {
        yield* this.#closed(event, session_id ?? "")
        return undefined
      }
      const waiting = this.#waitingFor(event, session_id ?? "")
      if (!waiting) continue
      this.#run.close()
      yield* this.#speech.end()
      this.waiting = waiting
      return waiting
    }
    throw new ChatError("engine_lost", { cause: new Error("the stream ended before the workflow did") })
  }

  /** What the person said in the first place is the answer to the first question for words. */
  async answerAtOnce(waiting: Waiting): Promise<Request | undefined> {
    if (waiting.kind !== "dialog" || !this.#unsaid) return undefined
    this.#unsaid = false
    this.restarted = false
    return this.#inputFor(waiting)
  }

  remark(text: string): HandlerEvent[] {
    return this.#speech.remark(text)
  }

  ends(): Iterable<HandlerEvent> {
    return this.#speech.end()
  }

  failure(error: unknown): ChatError {
    const seconds = this.#deadline.expired
    if (seconds !== undefined) return new ChatError("engine_timeout", { params: { seconds } })
    if (error instanceof ChatError) return error
    const words = error instanceof Error ? error.message : String(error)
    return new ChatError("engine_lost", { cause: new Error(this.#service.secrets.hide(words)) })
  }

  /** What the next turn begins with: a question that was refused its answer is still open. */
  after({ code }: ChatError): Checkpoint {
    const asked = this.#run.session_id !== undefined
    const lost = asked && (code === "engine_lost" || code === "engine_timeout")
    const open = this.#answered ?? (this.#known?.state === "waiting" ? this.#known : undefined)
    return open && !this.#run.begun && !lost ? open : { state: "gone" }
  }

  leave(): Promise<void> {
    this.#deadline.disarm()
    return this.#run.stop()
  }

  #noticeRestart({ event, node_id }: WorkflowEvent): void {
    if (!this.#answered || !event.startsWith("guide_") || !node_id?.startsWith("start")) return
    this.restarted = true
    this.#unsaid = this.#answered.kind === "dialog"
  }

  *#closed({ output_schema }: WorkflowEvent, session_id: string): Generator<HandlerEvent> {
    this.#run.close()
    const message = output_schema?.message
    if (message !== null && message !== undefined) {
      const { status_code, ...said } = Failure.safeParse(message).data ?? { status_code: 500 }
      const words = this.#service.secrets.hide(`the workflow failed: ${status_code} ${JSON.stringify(said)}`)
      throw errorOf(Math.max(status_code, 500), new Error(words))
    }
    yield* this.#speech.end()
    yield kept({ state: "over", session_id })
  }

  #waitingFor(event: WorkflowEvent, session_id: string): Waiting | undefined {
    if (!event.input_schema && !event.event.startsWith("output_with_") && event.event !== "input") return undefined
    const waiting = waitingFor({ session_id, event, guide: this.#speech.guide, language: this.#context.language })
    if (waiting) return waiting
    throw new ChatError("engine_failed", {
      cause: new Error("bisheng asks, and does not say for which node or message"),
    })
  }

  async #inputFor(waiting: Waiting): Promise<Request | undefined> {
    const { message, files, options, signal } = this.#context
    const { max_file_bytes, workflow_id, first_event_timeout_s } = options
    const deps: UploadDeps = {
      ...{ service: this.#service, files, message, max_file_bytes },
      signal: AbortSignal.any([signal, this.#deadline.signal]),
    }
    const path = `/api/v1/upload/workflow/${workflow_id}`
    this.#deadline.arm(first_event_timeout_s)
    try {
      const input = await inputFor(waiting, this.#answerTo(waiting), (wanted) => pathsOf(deps, path, wanted))
      return input && { session_id: waiting.session_id, message_id: waiting.message_id, input }
    } finally {
      this.#deadline.disarm()
    }
  }

  #answerTo({ kind, keys }: Waiting): unknown {
    const { message } = this.#context
    const part = message.parts.findLast(({ type }) => type === "input")
    const answer = part?.type === "input" ? part.answer : message.message
    if (kind !== "dialog") return answer
    const words = typeof answer === "object" && answer !== null ? JSON.stringify(answer) : String(answer ?? "")
    // Where files cannot be put, their names and addresses are said.
    return keys.some(({ type }) => type === "file")
      ? words
      : textOf({ ...message, message: words, parts: message.parts.filter(({ type }) => type === "file") })
  }
}

function running(session_id: string): HandlerEvent {
  return kept({ state: "running", session_id })
}

export function kept(checkpoint: Checkpoint): HandlerEvent {
  return { type: "checkpoint", checkpoint: Json.parse(JSON.parse(JSON.stringify(checkpoint))) }
}
