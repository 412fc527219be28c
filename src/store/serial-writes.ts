// One write at a time from this instance. A libSQL server has one write lock and hands it out in no order: of some hundred writes
// at once, some waited for longer than ten seconds, and some were refused as SQLITE_BUSY (sqld 0.24).
import type { Client, InStatement, TransactionMode } from "@libsql/client"
import { type Clock, delay } from "../clock.ts"

/** Another instance writes just now, and nothing of ours happened: it is tried again so often, so many milliseconds later. */
const tries = 6
const pause = 10

export interface SerialOptions {
  readonly clock: Clock
  /** Whoever waited for so long is told that the database is away: it is not asked in everybody's name, one after the other. */
  readonly patience_ms: number
}

export function withSerialWrites(client: Client, { clock, patience_ms }: SerialOptions): Client {
  let last: Promise<unknown> = Promise.resolve()

  const inLine = <T>(write: () => Promise<T>): Promise<T> => {
    const asked = clock.now()
    const mine = last.then(() => {
      if (clock.now() - asked >= patience_ms) throw new Error(`the database did not take a write in ${patience_ms} ms`)
      return untilFree(clock, write)
    })
    last = mine.catch(() => undefined)
    return mine
  }
  const execute = (statement: InStatement) =>
    isWrite(statement) ? inLine(() => client.execute(statement)) : client.execute(statement)
  const batch = (statements: InStatement[], mode?: TransactionMode) =>
    mode === "write" || statements.some(isWrite)
      ? inLine(() => client.batch(statements, "write"))
      : client.batch(statements, mode)
  return new Proxy(client, {
    get(target, name) {
      if (name === "execute") return execute
      if (name === "batch") return batch
      const value: unknown = Reflect.get(target, name)
      return typeof value === "function" ? value.bind(target) : value
    },
  })
}

async function untilFree<T>(clock: Clock, write: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await write()
    } catch (error) {
      const busy = error instanceof Error && "code" in error && error.code === "SQLITE_BUSY"
      if (!busy || tried === tries) throw error
      await delay(clock, pause * 2 ** tried)
    }
  }
}

function isWrite(statement: InStatement): boolean {
  const sql = typeof statement === "string" ? statement : statement.sql
  return /^\s*(?:insert|update|delete|replace|with[\s\S]*\b(?:insert\s+into|update|delete\s+from)\b)/i.test(sql)
}
