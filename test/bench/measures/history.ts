// A page of a chat's history over REST, in a small database and in a large one.
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { startService } from "../processes.ts"
import { seedDatabase } from "../seed.ts"
import { quantile, type Row } from "../table.ts"

export interface HistorySize {
  /** Messages in the small and in the large database. */
  readonly few: number
  readonly many: number
  readonly requests: number
}

/** Messages of one chat; two of three events are messages. */
const each = 100
const events = 150

export async function history(size: HistorySize = { few: 10_000, many: 1_000_000, requests: 3000 }): Promise<Row[]> {
  const small = await pages(size.few / each, size.requests)
  const large = await pages(size.many / each, size.requests)
  const row = (what: string, value: number, unit: string, target?: Row["target"]): Row => ({
    ...{ measure: "history", what, value, unit },
    ...(target ? { target } : {}),
  })
  const words = (messages: number) => `${messages.toLocaleString("en")} messages in ${messages / each} chats`
  return [
    row(`history page of 50, ${words(size.few)}: p99`, quantile(small, 0.99), "ms"),
    row(`history page of 50, ${words(size.many)}: p99`, quantile(large, 0.99), "ms"),
    row("  ratio of the p99", quantile(large, 0.99) / quantile(small, 0.99), "x", { at_most: 1.5 }),
    row("  ratio of the p50", quantile(large, 0.5) / quantile(small, 0.5), "x"),
  ]
}

/** How long pages of chats picked at random take, one request after the other, the newest page and the one before. */
async function pages(chats: number, requests: number): Promise<number[]> {
  const folder = await mkdtemp(join(tmpdir(), "bisheng-chat-bench-"))
  try {
    await seedDatabase(folder, { chats, events, flow_id: "quiet" })
    await using server = await startService({ DATA_DIR: folder })
    const origin = server.url.replace(/^ws/, "http")
    const headers = { authorization: `Bearer ${server.token}` }
    const page = async (query: string) => {
      const start = performance.now()
      const response = await fetch(`${origin}/chat/message/history?limit=50&${query}`, { headers })
      const body = await response.text()
      const ms = performance.now() - start
      if (!response.ok) throw new Error(`${response.status} ${body}`)
      return { ms, cursor: (JSON.parse(body) as { data: { next_cursor: string | null } }).data.next_cursor }
    }
    const times: number[] = []
    for (let asked = 0; asked < requests * 1.2; asked += 2) {
      const chat = `chat_id=seed-${Math.floor(Math.random() * chats)}`
      const newest = await page(chat)
      const before = await page(`${chat}&cursor=${encodeURIComponent(newest.cursor ?? "")}`)
      // The first sixth warms the code up.
      if (asked >= requests * 0.2) times.push(newest.ms, before.ms)
    }
    return times
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
