// A Bisheng that does what its notes say and takes nothing that the real one would not: workflows, assistants, Linsight.
import { FakeAssistants } from "./assistants.ts"
import { FakeLinsight } from "./linsight.ts"
import { envelope } from "./wire.ts"
import { FakeWorkflows } from "./workflows.ts"

export interface Recorded {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
}

export interface FakeBishengOptions {
  /** What the gateway asks for; without it, 401. */
  readonly required_headers?: Readonly<Record<string, string>>
  readonly port?: number
}

export class FakeBisheng implements AsyncDisposable {
  readonly requests: Recorded[] = []
  readonly workflows: FakeWorkflows
  readonly assistants: FakeAssistants
  readonly linsight: FakeLinsight
  readonly url: string
  readonly #server: Bun.Server<{ version: string }>
  readonly #instead: { path: string; answer: () => Response | Promise<Response> }[] = []
  readonly #waiting = new Set<() => void>()

  constructor({ required_headers = {}, port = 0 }: FakeBishengOptions = {}) {
    const changed = () => {
      for (const look of [...this.#waiting]) look()
    }
    this.workflows = new FakeWorkflows(changed)
    this.assistants = new FakeAssistants(changed)
    this.linsight = new FakeLinsight(changed)
    this.#server = Bun.serve<{ version: string }>({
      hostname: "127.0.0.1",
      port,
      idleTimeout: 0,
      development: false,
      websocket: this.linsight.sockets,
      fetch: async (request, server) => {
        const answer = await this.#answer(request, server, required_headers)
        changed()
        return answer
      },
    })
    this.url = this.#server.url.origin
  }

  get port(): number {
    return this.#server.port ?? 0
  }

  /** Answers the next request to `path` with this, once. */
  answerOnce(path: string, answer: () => Response | Promise<Response>): void {
    this.#instead.push({ path, answer })
  }

  /** The bodies that were sent to a path, in order. */
  sent(path: string): unknown[] {
    return this.requests.filter((request) => request.path === path).map(({ body }) => body)
  }

  /** Resolves when `condition` holds. */
  when(condition: () => boolean, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(look)
        reject(new Error(`bisheng waited in vain for ${what}`))
      }, 5000)
      const look = () => {
        if (!condition()) return
        clearTimeout(timer)
        this.#waiting.delete(look)
        resolve()
      }
      this.#waiting.add(look)
      look()
    })
  }

  /** Nobody reads, and nothing runs. */
  quiet(): Promise<void> {
    const still = () =>
      this.workflows.readers === 0 &&
      this.assistants.readers === 0 &&
      this.linsight.readers === 0 &&
      !this.linsight.running &&
      this.workflows.runs.every(({ status }) => status !== "running")
    return this.when(still, "everything to be quiet")
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop(true)
  }

  async #answer(
    request: Request,
    server: Bun.Server<{ version: string }>,
    required: Readonly<Record<string, string>>,
  ): Promise<Response | undefined> {
    const { pathname, searchParams } = new URL(request.url)
    const type = request.headers.get("content-type") ?? ""
    const body = type.includes("json") ? await request.clone().json() : undefined
    const { method } = request
    this.requests.push({ method, path: pathname, headers: Object.fromEntries(request.headers), body })
    for (const [name, value] of Object.entries(required)) {
      if (request.headers.get(name) !== value) return Response.json({ detail: "no gateway key" }, { status: 401 })
    }
    const instead = this.#instead.findIndex(({ path }) => path === pathname)
    if (instead >= 0) return this.#instead.splice(instead, 1)[0]?.answer()
    if (pathname.startsWith("/api/v1/linsight/workbench/")) {
      return this.linsight.answer({ request, server, name: pathname.split("/").at(-1) ?? "", searchParams, body })
    }
    if (method !== "POST") return envelope(405, "Method Not Allowed")
    const upload = /^\/api\/v1\/upload\/workflow\/([0-9a-f-]+)$/.exec(pathname)
    if (upload) return this.workflows.upload(request, upload[1] ?? "")
    if (body === undefined)
      return envelope(422, [{ type: "missing", loc: ["body"], msg: "Field required", input: null }])
    if (pathname === "/api/v2/workflow/invoke") return this.workflows.invoke(body)
    if (pathname === "/api/v2/workflow/stop") return this.workflows.stop(body)
    if (pathname === "/api/v2/assistant/chat/completions") return this.assistants.complete(body)
    return envelope(404, "Not Found")
  }
}
