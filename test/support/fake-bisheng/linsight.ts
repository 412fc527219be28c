// The fake's workbench: a cookie for everything, REST to drive, a socket that only tells.
import { z } from "zod"
import { LinsightRun, type LinsightScript } from "./linsight-run.ts"
import { dumps, envelope, eventStream, invalid, success } from "./wire.ts"

const id = z.string().min(1)
const SubmitFile = z.strictObject({ file_id: id, file_name: z.string(), parsing_status: z.string() })
const bodies = {
  submit: z.strictObject({
    question: z.string().min(1),
    org_knowledge_enabled: z.boolean(),
    personal_knowledge_enabled: z.boolean(),
    organization_knowledge_ids: z.array(z.int()),
    knowledge_space_ids: z.array(z.int()),
    files: z.array(SubmitFile),
    tools: z.array(z.looseObject({ id: z.int(), children: z.array(z.looseObject({ id: z.int() })) })),
    model: z.string().nullable(),
    skills: z.array(z.string()),
    session_id: id.nullable(),
  }),
  "start-execute": z.strictObject({ linsight_session_version_id: id }),
  "terminate-execute": z.strictObject({ linsight_session_version_id: id }),
  "user-input": z.strictObject({
    session_version_id: id,
    linsight_execute_task_id: id,
    input_content: z.string(),
    files: z.array(SubmitFile).nullable(),
  }),
  continue: z.strictObject({ session_version_id: id, question: z.string().min(1) }),
  "file-parsing-status": z.strictObject({ file_ids: z.array(id) }),
  file_download: z.strictObject({ file_url: id, session_version_id: id }),
}

type Socket = Bun.ServerWebSocket<{ version: string }>

export interface LinsightRequest {
  readonly request: Request
  readonly server: Bun.Server<{ version: string }>
  /** The last part of the path. */
  readonly name: string
  readonly searchParams: URLSearchParams
  readonly body: unknown
}

export class FakeLinsight {
  /** The JWT that is taken. */
  readonly token = "eyJhbGciOiJIUzI1NiJ9.linsight.signature"
  title = "A title by Linsight"
  /** A socket that breaks takes the next event with it, as a reader that hangs in its pop does. */
  stealing = false
  /** REST does not know of tasks: of what happens the socket alone tells. */
  late = false
  /** Sockets so far. */
  opened = 0
  /** How often a file is not read yet when asked. */
  parsing = 0
  readonly files = new Map<string, string>()
  readonly #runs = new Map<string, LinsightRun>()
  readonly #sockets = new Set<Socket>()
  readonly #changed: () => void
  #script: LinsightScript = async (run) => run.finish(run.said)
  #held = false
  /** Those whose reader is gone and still waits for an event. */
  readonly #thieves = new Set<string>()

  constructor(changed: () => void) {
    this.#changed = () => {
      this.#deliver()
      changed()
    }
  }

  /** What it does from now on. */
  publish(script: LinsightScript): void {
    this.#script = script
  }

  /** Keeps those who start in line. */
  hold(): void {
    this.#held = true
  }

  /** Lets those in line begin. */
  release(): void {
    this.#held = false
    for (const run of this.#runs.values()) {
      if (run.place !== null) this.#begin(run, run.said)
    }
  }

  get readers(): number {
    return this.#sockets.size
  }

  get running(): boolean {
    return [...this.#runs.values()].some(({ working }) => working)
  }

  get runs(): readonly LinsightRun[] {
    return [...this.#runs.values()]
  }

  /** Breaks every socket. */
  cut(): void {
    for (const socket of [...this.#sockets]) socket.terminate()
  }

  readonly sockets: Bun.WebSocketHandler<{ version: string }> = {
    open: (socket) => {
      if (socket.data.version === "") return socket.close(1008, "Unauthorized")
      this.opened += 1
      this.#sockets.add(socket)
      this.#changed()
    },
    message: () => undefined,
    close: (socket) => {
      if (!this.#sockets.delete(socket)) return
      if (this.stealing) this.#thieves.add(socket.data.version)
      this.#changed()
    },
  }

  async answer({ request, server, name, searchParams, body }: LinsightRequest): Promise<Response | undefined> {
    const cookies = (request.headers.get("cookie") ?? "").split(/;\s*/)
    const known = cookies.includes(`access_token_cookie=${this.token}`)
    if (name === "task-message-stream") {
      const version = known ? (searchParams.get("session_version_id") ?? "") : ""
      return server.upgrade(request, { data: { version } }) ? undefined : envelope(404, "Not Found")
    }
    if (!known) return Response.json({ detail: "Missing cookie access_token_cookie" }, { status: 401 })
    if (request.method === "GET") return this.#read(name, searchParams)
    if (request.method !== "POST") return envelope(405, "Method Not Allowed")
    return name === "upload-file" ? this.#upload(request) : this.#write(name, body)
  }

  #read(name: string, query: URLSearchParams): Response {
    const run = this.#runs.get(query.get("session_version_id") ?? "")
    switch (name) {
      case "session-version-list": {
        const session = query.get("session_id")
        if (session === null) return invalid(["query", "session_id"], "Field required", null)
        const versions = [...this.#runs.values()].filter(({ row }) => row.session_id === session)
        return success(versions.reverse().map(({ row }) => ({ ...row, message_id: null, liked: 0 })))
      }
      case "execute-task-detail":
        return success(run && !this.late ? [...run.tasks.values()] : [])
      case "queue-status":
        return success({ index: run?.place ?? null })
      default:
        return envelope(404, "Not Found")
    }
  }

  #write(name: string, body: unknown): Response {
    if (!(name in bodies)) return envelope(404, "Not Found")
    const schema = bodies[name as keyof typeof bodies]
    const { error } = schema.safeParse(body)
    if (error) return invalid(error.issues[0]?.path ?? [], error.issues[0]?.message ?? "", body)
    if (name === "submit") return this.#submit(bodies.submit.parse(body))
    if (name === "file-parsing-status") return this.#parsing(bodies[name].parse(body).file_ids)
    if (name === "file_download") {
      return success({ file_path: `https://minio.example.org/share/${bodies[name].parse(body).file_url}` })
    }
    const { linsight_session_version_id, session_version_id } = body as Record<string, string>
    const run = this.#runs.get(linsight_session_version_id ?? session_version_id ?? "")
    if (!run) return envelope(404, "This resource does not exist")
    const { status } = run.row
    if (name === "start-execute") {
      if (status !== "not_started") return envelope(11120, "Session version is running")
      this.#begin(run, run.row.question)
    } else if (name === "terminate-execute") {
      if (status === "completed" || status === "terminated") return envelope(400, "cannot be terminated")
      run.terminate()
    } else if (name === "continue") {
      if (status !== "completed" && status !== "failed") return envelope(11120, "Session version is running")
      this.#begin(run, bodies.continue.parse(body).question)
    } else {
      const { linsight_execute_task_id, input_content, files } = bodies["user-input"].parse(body)
      run.take(linsight_execute_task_id, input_content, files)
    }
    return success(true)
  }

  #begin(run: LinsightRun, said: string): void {
    run.said = said
    run.place = this.#held ? 2 : null
    if (!this.#held) run.begin(this.#script, said)
  }

  #submit({ question, session_id }: z.infer<typeof bodies.submit>): Response {
    const run = new LinsightRun(session_id ?? crypto.randomUUID().replaceAll("-", ""), question, this.#changed)
    this.#runs.set(run.row.id, run)
    const { title } = this
    const data = { message_session: { chat_id: run.row.session_id }, linsight_session_version: run.row }
    async function* told() {
      yield `event: linsight_workbench_submit\r\ndata: ${dumps(data)}\r\n\r\n`
      yield ": ping - 2026-11-22 00:00:00\r\n\r\n"
      run.row.title = title
      yield `event: linsight_workbench_title_generate\r\ndata: ${dumps({ task_title: title, chat_id: run.row.session_id })}\r\n\r\n`
    }
    return eventStream(told(), {})
  }

  async #upload(request: Request): Promise<Response> {
    const file = (await request.formData().catch(() => undefined))?.get("file")
    if (!(file instanceof File)) return invalid(["file"], "Field required", null)
    const file_id = crypto.randomUUID()
    this.files.set(file_id, await file.text())
    return success({ file_id, file_name: file.name, parsing_status: "running" })
  }

  #parsing(file_ids: readonly string[]): Response {
    const parsing_status = this.parsing > 0 ? "running" : "completed"
    this.parsing = Math.max(0, this.parsing - 1)
    return success(file_ids.map((file_id) => ({ file_id, parsing_status })))
  }

  /** Each event goes to one listener, which then is the only one to have it; after the last one the server closes. */
  #deliver(): void {
    for (const version of this.#thieves) {
      if (this.#runs.get(version)?.events.shift()) this.#thieves.delete(version)
    }
    for (const socket of [...this.#sockets]) {
      const run = this.#runs.get(socket.data.version)
      for (let event = run?.events.shift(); event; event = run?.events.shift()) {
        socket.send(dumps({ ...event, timestamp: performance.now() / 1000 }))
        if (!LinsightRun.ends(event.event_type)) continue
        this.#sockets.delete(socket)
        socket.close(1000, "Session finished or error occurred")
        break
      }
    }
  }
}
