// What goes wrong with the database, told apart: it is away for a while, or it looked at a statement and refused it.
import type { Client } from "@libsql/client"
import { ChatError } from "../errors.ts"

/** A broken rule, or a value above a limit (sqld: ARGS_INVALID): the same statement will never be taken. */
export function isStatementFault(error: unknown): boolean {
  const code = codeOf(error)
  return code.startsWith("SQLITE_CONSTRAINT") || code === "SQLITE_TOOBIG" || code === "ARGS_INVALID"
}

/** Also below what others made of it. */
export function isRuleBroken(error: unknown): boolean {
  return codesOf(error).some((code) => code.startsWith("SQLITE_CONSTRAINT"))
}

/** A value is larger than the database takes. Also below what others made of it. */
export function isTooLarge(error: unknown): boolean {
  return codesOf(error).some((code) => code === "SQLITE_TOOBIG" || code === "ARGS_INVALID")
}

function codesOf(error: unknown): string[] {
  const codes: string[] = []
  for (let cause = error; cause instanceof Error && codes.length < 20; cause = cause.cause) codes.push(codeOf(cause))
  return codes
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : ""
}

/** The error for whoever asked: `store_unavailable`, which may be tried again, or `internal`. */
export function storeError(cause: unknown): ChatError {
  return isStatementFault(cause)
    ? new ChatError("internal", { cause })
    : new ChatError("store_unavailable", { cause, retry_after_ms: 1000 })
}

/** Whether the database was there when it was asked last. */
export interface StoreHealth {
  away: boolean
}

const acts: readonly PropertyKey[] = ["execute", "batch"] satisfies (keyof Client)[]

/** The client for reads and single statements: what it throws says whether to try again (ChatError.from finds it). */
export function withStoreErrors(client: Client): Client {
  const tell = async (act: () => unknown): Promise<unknown> => {
    try {
      return await act()
    } catch (error) {
      throw storeError(error)
    }
  }
  return wrapped(client, tell)
}

/** The client; `health` follows how it fares. */
export function withHealth(client: Client, health: StoreHealth): Client {
  const note = async (act: () => unknown): Promise<unknown> => {
    try {
      const answer = await act()
      health.away = false
      return answer
    } catch (error) {
      health.away = !isStatementFault(error)
      throw error
    }
  }
  return wrapped(client, note)
}

function wrapped(client: Client, around: (act: () => unknown) => Promise<unknown>): Client {
  return new Proxy(client, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== "function") return value
      if (!acts.includes(name)) return value.bind(target)
      return (...given: unknown[]) => around(() => Reflect.apply(value, target, given))
    },
  })
}
