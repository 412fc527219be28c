// A run of a workflow, over as many requests as it takes: asking, reading, stopping.
import type { Clock } from "../../clock.ts"
import { ChatError } from "../../errors.ts"
import type { Log } from "../../log.ts"
import { createDeadline, type Deadline } from "../deadline.ts"
import { raced } from "../raced.ts"
import { type EventStream, readEventStream } from "./event-stream.ts"
import { parsed, type Service } from "./service.ts"
import { type WorkflowEvent, WorkflowStream } from "./workflow-event.ts"

export interface WorkflowRunDeps {
  readonly service: Service
  readonly workflow_id: string
  readonly clock: Clock
  readonly log: Log
  /** Runs out when nothing comes for too long. */
  readonly deadline: Deadline
  readonly first_event_timeout_s: number
  readonly idle_timeout_s: number
  readonly signal: AbortSignal
}

/** Seconds that stopping may take. */
const stopWithin = 5

export class WorkflowRun {
  session_id: string | undefined
  /** Something came in answer to the last request. */
  begun = false
  readonly #deps: WorkflowRunDeps
  readonly #signal: AbortSignal
  /** Ends the request, apart from the turn's signal: when stopped, it is needed to learn what is to be stopped. */
  #request = new AbortController()
  #stream: Promise<EventStream> | undefined
  readonly #events: WorkflowEvent[] = []

  constructor(deps: WorkflowRunDeps) {
    this.#deps = deps
    this.#signal = AbortSignal.any([deps.signal, deps.deadline.signal])
  }

  /** Begins a run, or goes on with one. Throws a ChatError when it is refused. */
  async invoke(body: { readonly session_id?: string } & Readonly<Record<string, unknown>>): Promise<void> {
    const { service, workflow_id, deadline, first_event_timeout_s } = this.#deps
    this.close()
    this.begun = false
    this.session_id = body.session_id ?? this.session_id
    this.#request = new AbortController()
    const request = { path: "/api/v2/workflow/invoke", body: { workflow_id, stream: true, ...body } }
    deadline.arm(first_event_timeout_s)
    const stream = service.stream({ ...request, signal: this.#request.signal }).then(readEventStream)
    this.#stream = stream
    try {
      await raced(stream, this.#signal)
    } catch (error) {
      // Refused: there is nothing to be stopped.
      if (!this.#signal.aborted) this.#stream = undefined
      throw error
    } finally {
      deadline.disarm()
    }
  }

  /** The next event; undefined: the stream ended. */
  async next(): Promise<WorkflowEvent | undefined> {
    const { deadline, first_event_timeout_s, idle_timeout_s } = this.#deps
    if (this.#events.length > 0 || !this.#stream) return this.#events.shift()
    deadline.arm(this.begun ? idle_timeout_s : first_event_timeout_s)
    try {
      const stream = await this.#stream
      if (!(await this.#read(stream, this.#signal))) return undefined
    } finally {
      deadline.disarm()
    }
    return this.next()
  }

  async #read(stream: EventStream, signal: AbortSignal): Promise<boolean> {
    const message = await stream.next(signal)
    if (!message) return false
    const { data } = WorkflowStream.safeParse(parsed(message.data))
    if (!data) throw new ChatError("engine_failed", { cause: new Error("bisheng sent an event of an unknown shape") })
    this.begun = true
    this.session_id = data.session_id
    this.#events.push(...data.data)
    return true
  }

  /** What was asked for has come, and the run is over or waits: nothing is to be stopped. */
  close(): void {
    this.#stream?.then((stream) => stream.close()).catch(() => undefined)
    this.#stream = undefined
    this.#events.length = 0
    this.#request.abort()
  }

  /** Stops the run, if one may be going on. What comes of it is not known: Bisheng says yes to everything. */
  async stop(): Promise<void> {
    const stream = this.#stream
    if (!stream) return
    const { clock, log, service } = this.#deps
    const patience = createDeadline(clock)
    patience.arm(stopWithin)
    try {
      // Only the first event tells which run is to be stopped.
      if (this.session_id === undefined) await this.#read(await raced(stream, patience.signal), patience.signal)
      if (this.session_id !== undefined) await this.stopSession(this.session_id)
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error)
      log.warn({ reason: service.secrets.hide(words) }, "a run at bisheng could not be stopped, and may go on there")
    } finally {
      patience.disarm()
      this.close()
    }
  }

  /** Stops any run, by its session. */
  async stopSession(session_id: string): Promise<void> {
    const { clock, log, service, workflow_id } = this.#deps
    const patience = createDeadline(clock)
    patience.arm(stopWithin)
    try {
      const path = "/api/v2/workflow/stop"
      await service.call({ path, body: { workflow_id, session_id }, signal: patience.signal })
    } catch (error) {
      const cause = error instanceof ChatError ? (error.cause ?? error) : new Error("no answer in time")
      log.warn({ err: cause }, "a run at bisheng could not be stopped, and may go on there")
    } finally {
      patience.disarm()
    }
  }
}
