// Watching Linsight at work. The socket is quick and may lose things; what REST says is what counts.
import { type Clock, delay } from "../../clock.ts"
import { ChatError } from "../../errors.ts"
import { type Language, say } from "../../language/language.ts"
import type { Log } from "../../log.ts"
import type { BishengLinsightOptions } from "../bisheng-linsight.ts"
import { createDeadline, type Deadline } from "../deadline.ts"
import type { HandlerEvent } from "../handler.ts"
import { fileAt } from "./files-of.ts"
import type { LinsightApi, Work } from "./linsight-api.ts"
import { askedBy, LinsightBoard, type Told, toldBy } from "./linsight-board.ts"
import { type LinsightEvent, LinsightStep, LinsightTask, type LinsightVersion } from "./linsight-event.ts"
import { type LinsightSocket, openLinsightSocket } from "./linsight-socket.ts"
import type { Service } from "./service.ts"

export interface LinsightWatchDeps {
  readonly service: Service
  readonly api: LinsightApi
  readonly clock: Clock
  readonly log: Log
  readonly language: Language
  readonly signal: AbortSignal
  readonly work: Work
  readonly told: Told
  readonly deadline: Deadline
  readonly options: Pick<BishengLinsightOptions, "idle_timeout_s" | "check_every_s">
}

/** Sockets that may break one after the other without a word. */
const mostTries = 5
const pause = 1000
/** Seconds. */
const reasonWithin = 1

/** How the work stands: over, with an answer; waiting for the person; or neither. */
type Standing =
  | { readonly over: LinsightVersion }
  | { readonly failed: ChatError }
  | { readonly asked: LinsightStep }
  | undefined

/** Bisheng may be starting again; whoever is refused is refused. */
const passing = new Set(["engine_failed", "engine_busy"])

/** After these the server closes the socket. */
const ends = new Set(["final_result", "error_message", "task_terminated"])

/** The work itself came to an end, and not a good one: there is nothing to be stopped. */
export class WorkFailed extends Error {
  readonly failure: ChatError

  constructor(failure: ChatError) {
    super(failure.code, { cause: failure })
    this.failure = failure
  }
}

export class LinsightWatch {
  readonly #deps: LinsightWatchDeps
  readonly #board: LinsightBoard
  #inLine = false
  /** As of the last look. */
  #tasks: readonly LinsightTask[] = []
  /** What Linsight said about its failure, for the log. */
  #reason: string | undefined

  constructor(deps: LinsightWatchDeps) {
    this.#deps = deps
    this.#board = new LinsightBoard(deps.work.session_version_id, deps.told)
  }

  /** How much was told, for the next turn. */
  get told(): Told {
    return toldBy(this.#tasks)
  }

  /** All that happens, to the answer, or to what it asks, which is given back. */
  async *events(): AsyncGenerator<HandlerEvent, LinsightStep | undefined> {
    const { clock, signal, service, work, deadline, options } = this.#deps
    for (let tries = 0; tries <= mostTries; tries++) {
      if (tries > 0) await delay(clock, pause, signal)
      signal.throwIfAborted()
      deadline.arm(options.idle_timeout_s)
      const socket = openLinsightSocket(service, work)
      try {
        for await (const news of this.#news(socket)) {
          if (news !== "silence" && !ends.has(news.event_type)) tries = 0
          const standing = yield* this.#hear(news)
          deadline.arm(options.idle_timeout_s)
          if (!standing) continue
          deadline.disarm()
          if ("asked" in standing) return standing.asked
          if ("failed" in standing) throw new WorkFailed(await this.#because(standing.failed, socket))
          yield* this.#end(standing.over)
          return undefined
        }
      } catch (error) {
        if (!(error instanceof ChatError) || !passing.has(error.code) || tries === mostTries) throw error
      } finally {
        socket.close()
      }
    }
    throw new ChatError("engine_lost", { cause: new Error(`${mostTries} sockets broke one after the other`) })
  }

  /** What the socket tells; "silence" to begin with, and when it has told nothing for a while. */
  async *#news(socket: LinsightSocket): AsyncGenerator<LinsightEvent | "silence"> {
    const { clock, signal, options } = this.#deps
    yield "silence"
    for (;;) {
      const silence = createDeadline(clock)
      silence.arm(options.check_every_s)
      try {
        const event = await socket.next(AbortSignal.any([signal, silence.signal]))
        if (!event) return
        yield event
      } catch (error) {
        if (signal.aborted || silence.expired === undefined) throw error
        yield "silence"
      } finally {
        silence.disarm()
      }
    }
  }

  async *#hear(news: LinsightEvent | "silence"): AsyncGenerator<HandlerEvent, Standing> {
    if (news === "silence") return yield* this.#look()
    const { event_type, data } = news
    switch (event_type) {
      case "task_generate":
        for (const task of Array.isArray(data.tasks) ? data.tasks : []) yield* this.#task(task)
        return undefined
      case "task_start":
      case "task_end":
      case "task_status_update":
      case "user_input_completed":
        yield* this.#task(data)
        return undefined
      case "task_execute_step": {
        const step = LinsightStep.safeParse(data).data
        if (step) yield* this.#board.step(step)
        return undefined
      }
      case "user_input": {
        // It may be one that was answered long ago, and waited in the queue for a reader.
        const standing = yield* this.#look()
        const step = LinsightStep.safeParse(data).data
        const without = step && !this.#tasks.some(({ id }) => id === step.task_id)
        return standing ?? (without ? { asked: step } : undefined)
      }
      case "error_message":
        this.#note(news)
        return yield* this.#look()
      case "final_result":
      case "task_terminated":
        // So may this be the end of an earlier round; then the work goes on, and the next socket tells of it.
        return yield* this.#look()
      default:
        return undefined
    }
  }

  /** Tells what is new as REST has it. */
  async *#look(): AsyncGenerator<HandlerEvent, Standing> {
    const { api, work } = this.#deps
    const version = await api.version(work)
    if (!version) throw new ChatError("engine_lost", { cause: new Error("linsight does not know the work any more") })
    this.#tasks = await api.tasks(work)
    yield* this.#line(version)
    yield* this.#board.rows(this.#tasks)
    switch (version.status) {
      case "completed":
        return { over: version }
      case "failed":
      case "sop_generation_failed":
        return { failed: new ChatError("engine_failed", { cause: new Error(version.status) }) }
      case "terminated":
        return { failed: new ChatError("engine_lost", { cause: new Error("the work was ended at bisheng") }) }
    }
    const asked = askedBy(this.#tasks)
    return asked && { asked }
  }

  /** REST tells that it failed, and the socket alone why. */
  async #because(failed: ChatError, socket: LinsightSocket): Promise<ChatError> {
    const patience = createDeadline(this.#deps.clock)
    patience.arm(reasonWithin)
    try {
      while (this.#reason === undefined) {
        const event = await socket.next(AbortSignal.any([this.#deps.signal, patience.signal]))
        if (!event) break
        this.#note(event)
      }
    } catch {
      // Nobody tells, then.
    } finally {
      patience.disarm()
    }
    const words = this.#reason ?? "for no reason that it tells"
    return new ChatError(failed.code, { cause: new Error(`linsight: ${words}`, { cause: failed.cause }) })
  }

  #note({ event_type, data }: LinsightEvent): void {
    if (event_type === "error_message" && typeof data.error === "string") {
      this.#reason = this.#deps.service.secrets.hide(data.error)
    }
  }

  /** One that has not begun may stand in line. */
  async *#line({ status }: LinsightVersion): AsyncGenerator<HandlerEvent> {
    const { api, work, language } = this.#deps
    const step = { step_id: "queue", name: say(language, "bisheng_in_line") }
    const place = status === "not_started" ? await api.place(work) : undefined
    if (place !== undefined) yield { type: "step", step: { ...step, state: "running", detail: { place } } }
    else if (this.#inLine) yield { type: "step", step: { ...step, state: "completed" } }
    this.#inLine = place !== undefined
  }

  *#task(data: unknown): Generator<HandlerEvent> {
    const task = LinsightTask.safeParse(data).data
    if (task) yield* this.#board.task(task)
  }

  async *#end({ output_result }: LinsightVersion): AsyncGenerator<HandlerEvent> {
    const { api, work, service, log } = this.#deps
    const answer = output_result?.answer?.replaceAll("\0", "").toWellFormed()
    if (answer) yield { type: "text", text: answer }
    for (const { file_name, file_url } of output_result?.final_files ?? []) {
      try {
        const file = file_url && fileAt(await api.address(work, file_url), file_name, service.base_url)
        if (file) yield { type: "file", file }
      } catch (error) {
        if (!(error instanceof ChatError)) throw error
        log.warn({ err: error.cause ?? error }, "a file of linsight's answer cannot be opened")
      }
    }
  }
}
