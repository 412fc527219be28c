// One turn with Linsight: handing in, answering or going on, then watching until it has an answer or a question.
import { delay } from "../../clock.ts"
import { ChatError } from "../../errors.ts"
import { say } from "../../language/language.ts"
import type { BishengLinsightOptions } from "../bisheng-linsight.ts"
import { createDeadline, type Deadline } from "../deadline.ts"
import type { HandlerContext, HandlerEvent } from "../handler.ts"
import { textOf } from "../messages.ts"
import { fit } from "../well-formed.ts"
import { LinsightApi, path, SubmitFile, type Work } from "./linsight-api.ts"
import type { Told } from "./linsight-board.ts"
import { Checkpoint, kept, workOf } from "./linsight-checkpoint.ts"
import { LinsightWatch, WorkFailed } from "./linsight-watch.ts"
import { createService, type Service } from "./service.ts"
import { contentOf, filesOf, upload } from "./uploads.ts"

const ended = new Set(["completed", "failed"])
/** Seconds. */
const stopWithin = 5
const titleWithin = 15

export class LinsightTurn {
  readonly #context: HandlerContext<BishengLinsightOptions>
  readonly #service: Service
  readonly #deadline: Deadline
  readonly #signal: AbortSignal
  readonly #api: LinsightApi
  /** Work that may be going on. */
  #work: Work | undefined
  #told: Told = {}

  constructor(context: HandlerContext<BishengLinsightOptions>) {
    this.#context = context
    this.#service = createService(context.options)
    this.#deadline = createDeadline(context.clock)
    this.#signal = AbortSignal.any([context.signal, this.#deadline.signal])
    this.#api = new LinsightApi(this.#service, this.#signal)
  }

  /** Sees to it that the work is under way. */
  async *begin(): AsyncGenerator<HandlerEvent> {
    const { checkpoint, resuming, options } = this.#context
    const known = Checkpoint.safeParse(checkpoint).data
    this.#deadline.arm(options.first_event_timeout_s)
    if (known && resuming) yield* this.#goOnAfterCrash(known)
    else if (known?.state === "waiting") yield* this.#answer(known)
    else if (known?.state === "over" && filesOf(this.#context.message).length === 0) yield* this.#goOn(known)
    else yield* this.#submit(known)
    this.#deadline.disarm()
  }

  /** Tells of the work until it ends or asks. */
  async *watch(): AsyncGenerator<HandlerEvent> {
    const { clock, options, language, log } = this.#context
    const work = this.#work
    if (!work) return
    const deps = { service: this.#service, api: this.#api, clock, log, language, signal: this.#signal }
    const watch = new LinsightWatch({ ...deps, work, told: this.#told, deadline: this.#deadline, options })
    const asked = yield* watch.events()
    this.#work = undefined
    if (!asked) {
      yield kept({ state: "over", ...work, told: watch.told })
      return
    }
    yield kept({ state: "waiting", ...work, told: watch.told, task_id: asked.task_id ?? work.session_version_id })
    yield { type: "question", prompt: fit(asked.call_reason ?? "", 4000).trim() || say(language, "bisheng_ask") }
  }

  failed(error: unknown): { failure: ChatError; events: HandlerEvent[] } {
    const seconds = this.#deadline.expired
    const work = this.#work
    const events = work ? [kept({ state: "over", ...work, told: this.#told })] : []
    if (error instanceof WorkFailed) {
      this.#work = undefined
      return { failure: error.failure, events }
    }
    if (seconds !== undefined) return { failure: new ChatError("engine_timeout", { params: { seconds } }), events }
    if (error instanceof ChatError) return { failure: error, events }
    const words = error instanceof Error ? error.message : String(error)
    const cause = new Error(this.#service.secrets.hide(words))
    return { failure: new ChatError("engine_lost", { cause }), events }
  }

  /** Ends the work, unless it came to its end, or another instance goes on with it. */
  async leave(): Promise<void> {
    this.#deadline.disarm()
    const { signal, clock, log } = this.#context
    const handedOver = signal.aborted && (signal.reason === "drained" || signal.reason === "deposed")
    if (!this.#work || handedOver) return
    const patience = createDeadline(clock)
    patience.arm(stopWithin)
    try {
      await this.#api.terminate(this.#work, patience.signal)
    } catch (error) {
      // It has ended already.
      if (error instanceof ChatError && error.code === "engine_refused") return
      const cause = error instanceof ChatError ? (error.cause ?? error) : new Error("no answer in time")
      log.warn({ err: cause }, "work at linsight could not be ended, and may go on there")
    } finally {
      patience.disarm()
    }
  }

  async *#submit(known: Checkpoint | undefined): AsyncGenerator<HandlerEvent> {
    const { options, clock } = this.#context
    if (known && known.state !== "over") {
      // Left behind by a turn that was given up.
      this.#work = known
      await this.leave()
      this.#work = undefined
      this.#deadline.arm(options.first_event_timeout_s)
    }
    const files = await this.#upload()
    const { org_knowledge_enabled, personal_knowledge_enabled, organization_knowledge_ids, knowledge_space_ids } =
      options
    const body = {
      question: this.#question(),
      ...{ org_knowledge_enabled, personal_knowledge_enabled, organization_knowledge_ids, knowledge_space_ids },
      ...{ files, tools: options.tools, model: options.model ?? null, skills: options.skills },
      session_id: known?.session_id ?? null,
    }
    // The title is made by a model, which may take its time, or not come to an end: the work does not wait for it.
    const patience = createDeadline(clock)
    try {
      for await (const said of this.#api.submit(body, AbortSignal.any([this.#signal, patience.signal]))) {
        if ("title" in said) {
          yield { type: "title", title: fit(said.title, 200) }
          return
        }
        this.#work = said
        yield kept({ state: "submitted", ...said })
        await this.#api.start(said)
        yield kept({ state: "running", ...said, told: {} })
        patience.arm(titleWithin)
      }
    } catch (error) {
      if (patience.expired === undefined || this.#signal.aborted) throw error
    } finally {
      patience.disarm()
    }
    if (!this.#work) throw new ChatError("engine_failed", { cause: new Error("linsight did not take the question") })
  }

  async *#answer(known: Extract<Checkpoint, { state: "waiting" }>): AsyncGenerator<HandlerEvent> {
    const files = await this.#upload()
    this.#told = known.told
    yield kept({ ...known, state: "answering" })
    yield* this.#hand(known, this.#api.answer(known, known.task_id, this.#question(), files))
    yield kept({ state: "running", ...workOf(known), told: this.#told })
  }

  /** A further question in the same work, which Linsight takes when the one before has come to its end. */
  async *#goOn(known: Extract<Checkpoint, { state: "over" }>): AsyncGenerator<HandlerEvent> {
    const version = await this.#api.version(known)
    if (!version || !ended.has(version.status)) {
      yield* this.#submit(version ? known : undefined)
      return
    }
    this.#told = known.told
    const as_of = version.update_time
    yield kept({ ...known, state: "continuing", ...(as_of === undefined ? {} : { as_of }) })
    yield* this.#hand(known, this.#api.goOn(known, this.#question()))
    yield kept({ state: "running", ...workOf(known), told: this.#told })
  }

  /** What Bisheng refuses was not handed over: the next turn begins where this one did. */
  async *#hand(known: Checkpoint, request: Promise<void>): AsyncGenerator<HandlerEvent> {
    this.#work = workOf(known)
    try {
      await request
    } catch (error) {
      if (!(error instanceof ChatError)) throw error
      this.#work = undefined
      yield kept(known)
      throw error
    }
  }

  /** Does again what the instance that died may not have done, and nothing that it did. */
  async *#goOnAfterCrash(known: Checkpoint): AsyncGenerator<HandlerEvent> {
    const version = await this.#api.version(known)
    if (!version) throw new ChatError("engine_lost", { cause: new Error("linsight does not know the work any more") })
    // All was told, down to the answer.
    if (known.state === "over" && version.status === "completed") return
    this.#work = workOf(known)
    if ("told" in known) this.#told = known.told
    if (known.state === "submitted" && version.status === "not_started") {
      if ((await this.#api.place(known)) === undefined) await this.#api.start(known)
    }
    if (known.state === "answering") {
      const task = (await this.#api.tasks(known)).find(({ id }) => id === known.task_id)
      if (task?.status === "waiting_for_user_input") {
        await this.#api.answer(known, known.task_id, this.#question(), await this.#upload())
      }
    }
    if (known.state === "continuing" && ended.has(version.status) && version.update_time === known.as_of) {
      await this.#api.goOn(known, this.#question())
    }
  }

  /** What the person says, as words; files that lie elsewhere by their addresses, since Linsight reads only uploaded ones. */
  #question(): string {
    const { message } = this.#context
    const part = message.parts.findLast(({ type }) => type === "input")
    const answer = part?.type === "input" ? part.answer : message.message
    const words = typeof answer === "object" && answer !== null ? JSON.stringify(answer) : String(answer ?? "")
    const foreign = filesOf(message).filter(({ file_id }) => file_id === undefined)
    return textOf({ ...message, message: words, parts: foreign }) || " "
  }

  /** Brings the files that are kept here to Linsight, and waits until it has read them. */
  async #upload(): Promise<SubmitFile[]> {
    const { message, files, options, clock } = this.#context
    const deps = {
      service: this.#service,
      files,
      message,
      max_file_bytes: options.max_file_bytes,
      signal: this.#signal,
    }
    const sent: SubmitFile[] = []
    for (const file of filesOf(message)) {
      if (file.file_id === undefined) continue
      const uploaded = await upload(deps, path("upload-file"), await contentOf(deps, file.file_id, file))
      sent.push(SubmitFile.parse(uploaded))
    }
    let unread = sent.map(({ file_id }) => file_id)
    while (unread.length > 0) {
      unread = await this.#api.unread(unread)
      if (unread.length > 0) await delay(clock, 1000, this.#signal)
      this.#signal.throwIfAborted()
    }
    return sent.map((file) => ({ ...file, parsing_status: "completed" }))
  }
}
