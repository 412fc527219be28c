// A real service on a free port and a folder of its own, gone at the end of the test (`await using`).
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { resolveSecret } from "../../src/auth/secret.ts"
import { issueToken, type Role } from "../../src/auth/token.ts"
import { type Clock, systemClock } from "../../src/clock.ts"
import { type Environment, loadConfig } from "../../src/config.ts"
import type { Handler } from "../../src/handlers/handler.ts"
import { type Log, silentLog } from "../../src/log.ts"
import { type RunningServer, type ServerOverrides, startServer } from "../../src/server.ts"
import { type HandshakeOptions, TestClient } from "./client.ts"
import { turnOfTheLoop } from "./clock.ts"

export interface TestServerOptions extends Pick<ServerOverrides, "database" | "bus"> {
  readonly env?: Environment
  readonly clock?: Clock
  /** By name; with `flows` naming them, or as the only one, for every flow. */
  readonly handlers?: Readonly<Record<string, Handler>>
  readonly flows?: readonly {
    flow_id?: string
    chat_type?: string
    handler: string
    policy?: string
    kinds?: readonly string[]
    allow?: { users?: readonly number[]; roles?: readonly string[] }
    timeout_s?: number
    name?: string
    description?: string
    guide?: object
    options?: object
  }[]
  /** Start again on what an earlier server left. */
  readonly folder?: string
  /** Default: one that fails the test for anything logged as an error. */
  readonly log?: Log
}

export interface ConnectOptions {
  readonly user?: number
  readonly role?: Role
  readonly chat?: string
  readonly flow?: string
  /** Further query parameters. */
  readonly query?: Record<string, string>
  /** null = none. */
  readonly token?: string | null
  readonly handshake?: HandshakeOptions
}

export interface TestServer extends AsyncDisposable {
  readonly server: RunningServer
  readonly url: string
  readonly folder: string
  token(user?: number, options?: { role?: Role; ttl_s?: number }): Promise<string>
  /** Opens a socket; it is closed with the server. */
  connect(options?: ConnectOptions): Promise<TestClient>
  /** REST with a token; `path` begins with a slash. */
  fetch(path: string, options?: RequestInit & { user?: number; role?: Role }): Promise<Response>
  /** Stops it but keeps the folder. */
  stop(): Promise<void>
}

export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), "bisheng-chat-")))
  const clock = options.clock ?? systemClock
  const names = Object.keys(options.handlers ?? {})
  const flows = options.flows ?? names.slice(0, 1).map((handler) => ({ flow_id: "*", handler }))
  const path = join(folder, "config.yaml")
  if (flows.length > 0) await Bun.write(path, JSON.stringify({ flows }))
  const config = loadConfig({
    PORT: "0",
    DATA_DIR: folder,
    CHAT_DRAIN_TIMEOUT: "0",
    // What most tests are not about would come in between what they are.
    CHAT_AUTO_TITLE: "off",
    CHAT_RATE_LIMIT: "10000",
    CHAT_RATE_BURST: "10000",
    CHAT_NEW_CHATS_BURST: "10000",
    CHAT_MAX_CHATS_PER_USER: "10000",
    CHAT_MAX_CONNECTIONS_PER_USER: "1000",
    ...(flows.length > 0 ? { CHAT_CONFIG: path } : {}),
    ...options.env,
  })
  const errors: string[] = []
  const log = options.log ?? watchfulLog(errors)
  const { handlers = {}, database, bus } = options
  const server = await startServer(config, log, {
    ...{ clock, handlers },
    ...(database ? { database } : {}),
    ...(bus ? { bus } : {}),
  })
  const clients: TestClient[] = []
  const token: TestServer["token"] = async (user = 1, { role = "user", ttl_s = 3600 } = {}) =>
    issueToken(await resolveSecret(config), { user_id: user, role, ttl_s }, clock)
  const stop = async () => {
    for (const client of clients) client.cut()
    await server.stop()
  }
  return {
    server,
    url: server.url,
    folder,
    token,
    stop,
    async connect({ user = 1, role = "user", chat, flow = "default", query = {}, token: given, handshake = {} } = {}) {
      const url = new URL(`/chat/${flow}`, server.url.replace(/^http/, "ws"))
      for (const [name, value] of Object.entries({ ...(chat === undefined ? {} : { chat_id: chat }), ...query })) {
        url.searchParams.set(name, value)
      }
      const client = new TestClient(url.href, given === undefined ? await token(user, { role }) : given, handshake)
      clients.push(client)
      return client
    },
    async fetch(path, { user = 1, role = "user", headers, ...init } = {}) {
      const authorization = `Bearer ${await token(user, { role })}`
      return fetch(new URL(path, server.url), {
        ...init,
        headers: { authorization, ...Object.fromEntries(new Headers(headers)) },
      })
    },
    async [Symbol.asyncDispose]() {
      await stop()
      if (options.folder === undefined) await rm(folder, { recursive: true, force: true })
      // A rejection that nobody looked at fails the test in which it shows: in this one, then.
      await turnOfTheLoop()
      if (errors.length > 0) throw new Error(`the service logged errors:\n${errors.join("\n")}`)
    },
  }
}

function watchfulLog(errors: string[]): Log {
  const log: Log = {
    ...silentLog,
    error: (fields, text) => errors.push(`${text} ${Bun.inspect(fields)}`),
    child: () => log,
  }
  return log
}
