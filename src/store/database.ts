// Opens the database and brings its tables up to date. Three kinds of address, one client (DESIGN: storage topology); and
// beside a server, where there is one, the replica near by.
import { mkdirSync } from "node:fs"
import { dirname, join } from "node:path"
import type { Client } from "@libsql/client"
import { fileURLToPath } from "bun"
import { type Clock, systemClock } from "../clock.ts"
import { type Log, silentLog } from "../log.ts"
import type { Config } from "../settings.ts"
import { type StoreHealth, withHealth, withStoreErrors } from "./faults.ts"
import { openFileClient } from "./file-client.ts"
import { endFileThread } from "./file-worker.ts"
import { holdLock, LockedError } from "./lock.ts"
import { applyMigrations } from "./migrations.ts"
import { type Orm, ormOf } from "./orm.ts"
import type { Replica } from "./replica.ts"

export interface Database {
  /** Typed reads and single statements. */
  readonly orm: Orm
  /** Write batches. Always `batch(..., "write")`: the default mode upgrades its lock late and fails with SQLITE_BUSY. */
  readonly client: Client
  /** One process owns the file, or many share a server. */
  readonly kind: "file" | "server"
  /** Near by, for large reads. */
  readonly replica?: Replica | undefined
  readonly health: Readonly<StoreHealth>
  /** For people: where the data is, without a secret. */
  readonly label: string
  /** Resolves when another process may have it. */
  close(): Promise<void>
}

export class DatabaseError extends Error {
  override readonly name = "DatabaseError"
}

/** Opens the database; throws DatabaseError with a sentence for the operator when that is not possible. */
export async function openDatabase(
  config: Pick<Config, "database" | "data_dir">,
  options: DatabaseOptions = {},
): Promise<Database> {
  const { url = urlOf(join(config.data_dir, "chat.db")), replica_url } = config.database
  if (!url.startsWith("file:")) return openServer({ ...config.database, url }, options)
  if (replica_url) throw new DatabaseError("DATABASE_REPLICA_URL: a file has no replica; DATABASE_URL names no server")
  return openFile(url)
}

export interface DatabaseOptions {
  /** A server that does not answer for so long counts as away: a request that hangs would hold up all later ones. */
  readonly patience_ms?: number
  readonly clock?: Clock
  readonly log?: Log
}

function urlOf(path: string): string {
  return `file:${path.split("/").map(encodeURIComponent).join("/")}`
}

function pathOf(url: string): string {
  const [path = "", rest] = url.slice("file:".length).split(/[?#]/)
  if (rest !== undefined) throw new DatabaseError(`DATABASE_URL: ${url} may name a file and nothing besides`)
  return path.startsWith("//") ? fileURLToPath(url) : decodeURIComponent(path)
}

async function openFile(url: string): Promise<Database> {
  try {
    const path = pathOf(url)
    if (path === "") throw new DatabaseError(`DATABASE_URL: ${url} names no file`)
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    const lock = holdLock(`${path}.lock`)
    try {
      const health = { away: false }
      const file = await openFileClient(path)
      const client = withHealth(file, health)
      return {
        health,
        orm: ormOf(withStoreErrors(client)),
        client,
        kind: "file",
        label: path,
        close: () => file.close().finally(() => lock.release()),
      }
    } catch (error) {
      lock.release()
      throw error
    }
  } catch (error) {
    if (error instanceof DatabaseError) throw error
    throw new DatabaseError(`The database ${url.slice("file:".length)} cannot be opened: ${messageOf(error)}`, {
      cause: error,
    })
  }
}

async function openServer(
  { url, auth_token, replica_url }: Config["database"] & { readonly url: string },
  { patience_ms = 10_000, clock = systemClock, log = silentLog }: DatabaseOptions,
): Promise<Database> {
  endFileThread()
  const health = { away: false }
  const { openServerClient } = await import("./server-client.ts")
  const { Replica } = await import("./replica.ts")
  const client = openAt("DATABASE_URL", () => openServerClient({ url, auth_token, patience_ms, clock, health }))
  const replica = replica_url
    ? openAt("DATABASE_REPLICA_URL", () => new Replica({ url: replica_url, auth_token, clock, log }))
    : undefined
  return {
    orm: ormOf(withStoreErrors(client)),
    client,
    health,
    kind: "server",
    replica,
    label: new URL(url).host,
    async close() {
      client.close()
      replica?.close()
    },
  }
}

function openAt<T>(name: string, open: () => T): T {
  try {
    return open()
  } catch (error) {
    throw new DatabaseError(`${name} is not the address of a libSQL server: ${messageOf(error)}`, { cause: error })
  }
}

/** Applies what is missing of migrations/. Forward only; a database of a newer version is left as it is. */
export async function migrateDatabase(db: Database): Promise<void> {
  try {
    // The second try: other instances may be starting too, and one of them did it in this moment.
    await applyMigrations(db).catch(() => applyMigrations(db))
  } catch (error) {
    throw new DatabaseError(`The database ${db.label} cannot be used: ${messageOf(error)}`, { cause: error })
  }
}

/** Libraries put SQLite's own words into the cause, below their own. */
function messageOf(error: unknown): string {
  if (error instanceof LockedError) return error.message
  let cause = error
  while (cause instanceof Error && cause.cause instanceof Error) cause = cause.cause
  const message = cause instanceof Error ? cause.message : String(cause)
  if (message.includes("ConnectionFailed(")) return "check that it is a file, and who may read and write it"
  return message
}
