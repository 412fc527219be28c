// Opens the database and brings its tables up to date. Three kinds of address, one client (DESIGN: storage topology).
import { mkdirSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { type Client, createClient } from "@libsql/client"
import { drizzle, type LibSQLDatabase } from "drizzle-orm/libsql"
import { migrate } from "drizzle-orm/libsql/migrator"
import type { Config } from "../config.ts"
import { holdLock } from "./lock.ts"
import * as schema from "./schema.ts"

export interface Database {
  /** Typed reads and single statements. */
  readonly orm: LibSQLDatabase<typeof schema>
  /** Write batches. Always `batch(..., "write")`: the default mode upgrades its lock late and fails with SQLITE_BUSY. */
  readonly client: Client
  /** One process owns the file, or many share a server. */
  readonly kind: "file" | "server"
  /** For people: where the data is, without a secret. */
  readonly label: string
  close(): void
}

export class DatabaseError extends Error {
  override readonly name = "DatabaseError"
}

/** Opens the database; throws DatabaseError with a sentence for the operator when that is not possible. */
export function openDatabase(config: Pick<Config, "database" | "data_dir">): Database {
  const url = config.database.url ?? `file:${join(config.data_dir, "chat.db")}`
  return url.startsWith("file:") ? openFile(url) : openServer(url, config.database.auth_token)
}

function openFile(url: string): Database {
  const path = url.startsWith("file://") ? fileURLToPath(url) : url.slice("file:".length).split("?")[0]
  if (!path) throw new DatabaseError(`DATABASE_URL: ${url} names no file`)
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    const lock = holdLock(`${path}.lock`)
    try {
      // One connection: libSQL calls are synchronous here, so a second one could only wait for the first. A short busy
      // timeout, because waiting for a lock blocks the event loop (libsql 0.5: no timer runs meanwhile).
      const client = createClient({ url, concurrency: 1, timeout: 50 })
      return {
        orm: drizzle(client, { schema }),
        client,
        kind: "file",
        label: path,
        close() {
          client.close()
          lock.release()
        },
      }
    } catch (error) {
      lock.release()
      throw error
    }
  } catch (error) {
    if (error instanceof DatabaseError) throw error
    throw new DatabaseError(`The database ${path} cannot be opened: ${messageOf(error)}`, { cause: error })
  }
}

function openServer(url: string, authToken: string | undefined): Database {
  const client = createClient({ url, ...(authToken === undefined ? {} : { authToken }) })
  return {
    orm: drizzle(client, { schema }),
    client,
    kind: "server",
    label: new URL(url).host,
    close: () => client.close(),
  }
}

const migrationsFolder = fileURLToPath(new URL("../../migrations", import.meta.url))

/** Applies what is missing of migrations/. Forward only; a database of a newer version is left as it is. */
export async function migrateDatabase(db: Database): Promise<void> {
  try {
    if (db.kind === "file") {
      // WAL: readers never wait for the writer. FULL: a commit is on the disk when it returns, so an ack survives power loss.
      await db.client.execute("pragma journal_mode = wal")
      await db.client.execute("pragma synchronous = full")
    }
    await migrate(db.orm, { migrationsFolder })
  } catch (error) {
    throw new DatabaseError(`The database ${db.label} cannot be used: ${messageOf(error)}`, { cause: error })
  }
}

function messageOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return cause instanceof Error ? cause.message : String(cause)
}
