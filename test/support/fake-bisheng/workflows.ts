// The fake's workflows: runs that go on by themselves, a queue each, out of which every reader takes away what it reads.
import { z } from "zod"
import { cut, dumps, envelope, eventStream, invalid, success } from "./wire.ts"
import { close, type Input, type Script, type Step, type UpstreamEvent } from "./workflow-script.ts"

const Invoke = z.strictObject({
  workflow_id: z.uuid().or(z.string().regex(/^[0-9a-f]{32}$/)),
  stream: z.boolean().default(true),
  input: z.record(z.string(), z.record(z.string(), z.unknown())).optional(),
  message_id: z.int().optional(),
  session_id: z.string().optional(),
  override: z.record(z.string(), z.record(z.string(), z.unknown())).optional(),
})
const Stop = z.strictObject({ workflow_id: z.uuid().or(z.string().regex(/^[0-9a-f]{32}$/)), session_id: z.string() })

const nothing: Input = {
  user_input: undefined,
  output_result: undefined,
  dialog_files_content: undefined,
  name: undefined,
}

type Status = "running" | "input" | "success" | "failed" | "stopped"
type Queued = string | typeof cut

interface Run {
  readonly id: string
  readonly script: Script
  steps: Generator<Step, void, Input>
  restarts: number
  status: Status
  queue: Queued[]
  /** What it waits for. */
  asked: UpstreamEvent | undefined
  wake: () => void
  stop: () => void
  /** Tells runs of one session apart: a restart leaves the pump of the one before behind. */
  turn: number
}

export class FakeWorkflows {
  readonly #scripts = new Map<string, Script>()
  readonly #runs = new Map<string, Run>()
  readonly #uploads = new Map<string, Uint8Array>()
  readonly #changed: () => void
  /** Connections that read. */
  readers = 0
  /** Bytes of one piece of the stream. */
  chunk = 11

  constructor(changed: () => void) {
    this.#changed = changed
  }

  /** Puts a workflow there, or another one in its place. */
  publish(workflow_id: string, script: Script): void {
    this.#scripts.set(workflow_id.replaceAll("-", ""), script)
  }

  /** Forgets a session, as after its time or a restart of the worker. */
  forget(session_id: string): void {
    const run = this.#runs.get(session_id)
    if (run) this.#end(run, "success")
    if (run) run.queue = []
    if (run) run.asked = undefined
  }

  get runs(): readonly { id: string; status: Status }[] {
    return [...this.#runs.values()]
  }

  /** What was uploaded, by the path that was given back. */
  uploaded(path: string): string | undefined {
    const bytes = this.#uploads.get(path)
    return bytes && new TextDecoder().decode(bytes)
  }

  async upload(request: Request, workflow_id: string): Promise<Response> {
    const form = await request.formData().catch(() => undefined)
    const file = form?.get("file")
    if (!(file instanceof File) || [...(form?.keys() ?? [])].length !== 1)
      return invalid(["file"], "Field required", null)
    const file_path = `http://minio:9000/tmp-dir/${crypto.randomUUID()}/${file.name}`
    this.#uploads.set(file_path, new Uint8Array(await file.arrayBuffer()))
    return success({ flowId: workflow_id, file_path, relative_path: `tmp-dir/${file.name}`, file_name: file.name })
  }

  invoke(body: unknown): Response {
    const { data: asked, error } = Invoke.safeParse(body)
    const issue = error?.issues[0]
    if (!asked) return invalid(issue?.path ?? [], issue?.message ?? "", body)
    const script = this.#scripts.get(asked.workflow_id.replaceAll("-", ""))
    if (!script) return envelope(404, "This resource does not exist")
    const session_id = asked.session_id ?? `${crypto.randomUUID().replaceAll("-", "")}_async_task_id`
    const known = this.#runs.get(session_id)
    const run = known ?? this.#newRun(session_id, script)
    if (!known || (run.status !== "running" && run.status !== "input")) this.#begin(run)
    else if (run.status === "input") {
      const problem = this.#take(run, asked.input, asked.message_id)
      if (problem) return envelope(500, problem)
    }
    if (!asked.stream) return envelope(500, "this fake only streams")
    this.readers += 1
    const closed = () => {
      if (!reader.open) return
      reader.open = false
      this.readers -= 1
      run.wake()
      this.#changed()
    }
    const reader = { open: true }
    return eventStream(this.#read(run, reader), { size: this.chunk, closed })
  }

  stop(body: unknown): Response {
    const { data, error } = Stop.safeParse(body)
    if (!data) return invalid(error?.issues[0]?.path ?? [], "Field required", body)
    this.#runs.get(data.session_id)?.stop()
    return success(null)
  }

  #newRun(id: string, script: Script): Run {
    const idle = () => undefined
    const run: Run = {
      ...{ id, script, steps: script({ restarts: 0 }), restarts: -1, queue: [], turn: 0 },
      ...{ status: "running", asked: undefined, wake: idle, stop: idle },
    }
    this.#runs.set(id, run)
    return run
  }

  #begin(run: Run): void {
    run.restarts += 1
    run.turn += 1
    run.queue = []
    run.status = "running"
    run.steps = run.script({ restarts: run.restarts })
    run.stop = () => this.#end(run, "stopped")
    void this.#work(run, run.turn, nothing)
  }

  #end(run: Run, status: Status): void {
    if (run.status !== "running" && run.status !== "input") return
    run.status = status
    run.turn += 1
    run.wake()
    this.#changed()
  }

  #finish(run: Run): void {
    run.queue.push(`data: ${dumps({ session_id: run.id, data: close() })}\n\n`)
    this.#end(run, "success")
  }

  /** Goes on until it asks, waits or ends. */
  async #work(run: Run, turn: number, first: Input): Promise<void> {
    let given = first
    for (;;) {
      const { done, value } = run.steps.next(given)
      given = nothing
      if (done) return this.#finish(run)
      if ("wait" in value) await value.wait
      if (turn !== run.turn) return
      if ("raw" in value) run.queue.push(value.raw)
      if ("broken" in value) run.queue.push(cut)
      if ("vanish" in value) return this.#end(run, "stopped")
      if ("event" in value) run.queue.push(`data: ${dumps({ session_id: run.id, data: value })}\n\n`)
      if ("event" in value && value.event === "close") return this.#end(run, value.output_schema ? "failed" : "success")
      if ("event" in value && value.input_schema) {
        run.asked = value
        run.status = "input"
        run.wake()
        return
      }
      run.wake()
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** Gives a waiting run its answer; tells what is wrong with it. */
  #take(
    run: Run,
    input: Record<string, Record<string, unknown>> | undefined,
    message_id: number | undefined,
  ): string | undefined {
    const { node_id, input_schema, message_id: asked } = run.asked ?? {}
    if (!input || Object.keys(input).length === 0) return "workflow waiting for user input, but user input not provided"
    const given = input[node_id ?? ""]
    if (!given || Object.keys(input).length !== 1) return `node ${Object.keys(input)} does not wait for input`
    if (message_id === undefined || String(message_id) !== asked) return "message_id is not that of the question"
    const items = (input_schema?.value ?? []).flatMap((item) => item ?? []) as {
      key: string
      type: string
      options?: object[]
    }[]
    const keys = items.filter(({ type }) => type !== "dialog_file_accept")
    for (const { key, type } of keys) {
      if (!(key in given)) return `key ${key} not found in user input`
      const list = Array.isArray(given[key])
      if (type.endsWith("file") ? !list : typeof given[key] !== "string")
        return `value of ${key} is not of type ${type}`
    }
    const extra = Object.keys(given).find((key) => !keys.some((item) => item.key === key))
    if (extra) return `extra key ${extra}`
    run.status = "running"
    run.asked = undefined
    run.turn += 1
    void this.#work(run, run.turn, { ...nothing, ...given })
    return undefined
  }

  async *#read(run: Run, reader: { open: boolean }): AsyncGenerator<Queued> {
    while (reader.open) {
      const next = run.queue.shift()
      if (next !== undefined) {
        yield next
        continue
      }
      // The same for success, a question, and a stop, which leaves no word at all.
      if (run.status !== "running") return
      await new Promise<void>((resolve) => {
        const before = run.wake
        run.wake = () => {
          before()
          resolve()
        }
      })
    }
  }
}
