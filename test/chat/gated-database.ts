// A real database whose statements wait, or fail, when the test says so.
import type { Client, InStatement } from "@libsql/client"
import { LibsqlError } from "@libsql/core/api"
import type { Database } from "../../src/store/database.ts"
import { withStoreErrors } from "../../src/store/faults.ts"
import { ormOf } from "../../src/store/orm.ts"
import { until } from "../support/until.ts"

export interface GatedDatabase extends Database {
  /** Statements and batches that match wait from now on: before they are executed, or with their answer. */
  shut(pattern: RegExp, where?: "before" | "after"): void
  /** Lets all go on that waits, and what comes. */
  open(): void
  /** Resolves when so many wait. */
  waiting(count?: number): Promise<void>
  /** The next statement or batch that matches is executed, and its answer is lost. */
  loseAnswer(pattern: RegExp): void
  /** Statements and batches that match are refused, as only by a fault of the service, until nothing is to match any more. */
  refuse(pattern: RegExp | null): void
  /** How many were. */
  refusals(): number
  /** Everything fails from now on, as if the store were out of reach. */
  cut(): void
  mend(): void
}

export function gated(db: Database): GatedDatabase {
  let gate: { pattern: RegExp; where: "before" | "after" } | null = null
  let away = false
  let lost: RegExp | null = null
  let refused: RegExp | null = null
  let refusals = 0
  const held: (() => void)[] = []

  async function pass(given: unknown, where: "before" | "after"): Promise<void> {
    if (away) throw new Error("the store is out of reach")
    const statements = (Array.isArray(given) ? given : [given]) as InStatement[]
    const matches = (pattern: RegExp) =>
      statements.some((statement) => pattern.test(typeof statement === "string" ? statement : statement.sql))
    if (refused && matches(refused)) {
      refusals += 1
      throw new LibsqlError("no such row may be", "SQLITE_CONSTRAINT_CHECK")
    }
    if (gate?.where === where && matches(gate.pattern)) await new Promise<void>((resolve) => held.push(resolve))
    if (where === "after" && lost && matches(lost)) {
      lost = null
      throw new Error("the answer of the store was lost")
    }
  }

  const client = new Proxy(db.client, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== "function") return value
      if (name !== "execute" && name !== "batch") return value.bind(target)
      return async (...given: unknown[]) => {
        await pass(given[0], "before")
        const answer: unknown = await Reflect.apply(value, target, given)
        await pass(given[0], "after")
        return answer
      }
    },
  }) satisfies Client
  return {
    ...{ kind: db.kind, label: db.label, health: db.health, client, orm: ormOf(withStoreErrors(client)) },
    close: () => db.close(),
    shut(pattern, where = "before") {
      gate = { pattern, where }
    },
    open() {
      gate = null
      for (const resolve of held.splice(0)) resolve()
    },
    waiting: (count = 1) => until(() => held.length >= count, `${count} statements at the gate`),
    loseAnswer(pattern) {
      lost = pattern
    },
    refuse(pattern) {
      refused = pattern
    },
    refusals: () => refusals,
    cut() {
      away = true
    },
    mend() {
      away = false
    },
  }
}
