// What the service must never do, done on purpose: the checker has to see it.
import { type Client, createClient, type InStatement, type ResultSet } from "@libsql/client"
import type { Database } from "../../src/store/database.ts"
import { conditions } from "../../src/store/guard-conditions.ts"
import { ormOf } from "../../src/store/orm.ts"

/** A write is answered as if it were done, and done `late_ms` afterwards, if the process lives so long. Embedded databases only. */
export function ackBeforeCommit(db: Database, late_ms: number): Database {
  // A connection of its own, on which everything is tried and taken back.
  const rehearsal = createClient({ url: `file:${db.label}`, timeout: 1000 })
  let committed: Promise<unknown> = Promise.resolve()
  return withBatch(db, async (statements) => {
    await committed
    const trial = await rehearsal.transaction("write")
    const results = await trial.batch(statements)
    await trial.rollback()
    committed = new Promise((resolve) => setTimeout(resolve, late_ms)).then(() => db.client.batch(statements, "write"))
    return results
  })
}

const fence = `and ${conditions.fence.holds}`

/** Writes of a turn are taken from whoever sends them. `found` tells how many statements had the fence in them. */
export function withoutFence(db: Database, found: { count: number }): Database {
  return withBatch(db, (statements) =>
    db.client.batch(
      statements.map((statement) => {
        if (typeof statement === "string" || !statement.sql.includes(fence)) return statement
        found.count += 1
        return { ...statement, sql: statement.sql.replace(fence, "") }
      }),
      "write",
    ),
  )
}

/** Asked how far chats have come, the store says nothing: the safety net catches nobody. */
export function withoutSafetyNet(db: Database, asked: { count: number }): Database {
  const client = new Proxy(db.client, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== "function") return value
      if (name !== "execute") return value.bind(target)
      return async (statement: InStatement) => {
        const result: ResultSet = await target.execute(statement)
        const sql = typeof statement === "string" ? statement : statement.sql
        if (!/^select "id", "last_seq", "lifecycle"[^()]* from "sessions"/.test(sql)) return result
        asked.count += 1
        return { ...result, rows: [] }
      }
    },
  })
  return { ...db, client, orm: ormOf(client) }
}

function withBatch(db: Database, batch: (statements: InStatement[]) => Promise<ResultSet[]>): Database {
  const client: Client = new Proxy(db.client, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== "function") return value
      if (name !== "batch") return value.bind(target)
      return (statements: InStatement[], mode: unknown) =>
        mode === "write" ? batch(statements) : Reflect.apply(value, target, [statements, mode])
    },
  })
  // Only the writer's batches: what is read stays as it is.
  return { ...db, client }
}
