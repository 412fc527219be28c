// The REST side for tests: the real app on a database of its own, tokens, a typed client, and every answer held against the document.
import { hc } from "hono/client"
import { issueToken } from "../../src/auth/token.ts"
import { type Clock, systemClock } from "../../src/clock.ts"
import { loadConfig } from "../../src/config.ts"
import { openFiles } from "../../src/files/open.ts"
import { type AppType, createApp } from "../../src/http/app.ts"
import type { Log } from "../../src/log.ts"
import type { Config } from "../../src/settings.ts"
import { openTestDatabase, type TestDatabase } from "./database.ts"
import { holdAgainstDocument } from "./document.ts"
import { type RowsChat, rowsChat } from "./rows-chat.ts"

export const secret = new TextEncoder().encode("a secret of at least thirty-two bytes")
export const now = Date.UTC(2025, 0, 31)
export const testClock: Clock = { ...systemClock, now: () => now }

export interface LogLine {
  readonly level: string
  readonly fields: Record<string, unknown>
  readonly text: string
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  /** The text as it was sent. */
  readonly text: string
  readonly body: { status_code: number; status_message: string; data: Record<string, unknown> }
}

export interface TestApp extends AsyncDisposable {
  readonly db: TestDatabase
  readonly chat: RowsChat
  readonly app: AppType
  readonly log: LogLine[]
  /** Asks as user 1, or as `user`; null = without a token. A `body` is sent as JSON. */
  ask(method: string, path: string, options?: AskOptions): Promise<Answer>
  /** Hono's typed client of a user. */
  clientOf(user_id: number, role?: "user" | "admin"): Promise<ReturnType<typeof hc<AppType>>>
}

export interface AskOptions {
  readonly user?: number | null
  readonly role?: "user" | "admin"
  readonly body?: unknown
  readonly headers?: Record<string, string>
}

export function tokenOf(user_id: number, role: "user" | "admin" = "user"): Promise<string> {
  return issueToken(secret, { user_id, role, ttl_s: 60 }, testClock)
}

export async function testApp(over: { chat?: Partial<Config["chat"]>; clock?: Clock } = {}): Promise<TestApp> {
  const db = await openTestDatabase()
  const lines: LogLine[] = []
  const chat = rowsChat(db, () => now)
  const defaults = loadConfig({})
  const log = collectingLog(lines)
  const clock = over.clock ?? testClock
  const files = openFiles({ ...defaults, data_dir: db.folder }, { db, clock, log })
  const app = createApp({
    ...{ db, chat, files: files.keeper, held: files.held, secret, clock, log },
    flows: () => [],
    config: { ...defaults, chat: { ...defaults.chat, ...over.chat } },
    instance: "test-1",
    version: "0.0.0",
  })
  const send = async (request: Request) => {
    const response = await app.fetch(request)
    const json = response.headers.get("Content-Type")?.startsWith("application/json") && request.method !== "HEAD"
    const { pathname } = new URL(request.url)
    if (json) holdAgainstDocument(request.method, pathname, response.status, await response.clone().json())
    return response
  }
  return {
    db,
    chat,
    app,
    log: lines,
    async ask(method, path, { user = 1, role, body, headers = {} } = {}) {
      const request = new Request(`http://test${path}`, {
        method,
        headers: {
          ...(user === null ? {} : { Authorization: `Bearer ${await tokenOf(user, role)}` }),
          ...(body === undefined ? {} : { "Content-Type": "application/json" }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      })
      const response = await send(request)
      const text = await response.text()
      const json = response.headers.get("Content-Type")?.startsWith("application/json")
      return {
        status: response.status,
        headers: response.headers,
        text,
        body: json && text ? JSON.parse(text) : undefined,
      }
    },
    async clientOf(user_id, role) {
      return hc<AppType>("http://test", {
        fetch: (input: string | URL | Request, init?: RequestInit) => send(new Request(String(input), init)),
        headers: { Authorization: `Bearer ${await tokenOf(user_id, role)}` },
      })
    },
    [Symbol.asyncDispose]: () => db[Symbol.asyncDispose](),
  }
}

function collectingLog(lines: LogLine[]): Log {
  const at = (level: string) => (fields: object, text: string) =>
    void lines.push({ level, fields: { ...fields }, text })
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: () => collectingLog(lines),
  }
}
