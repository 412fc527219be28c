// Drizzle on a libSQL client that is there already. Its own front door, drizzle-orm/libsql, loads all of the clients that it knows
// (0.45), which took a third of a start.
import type { Client } from "@libsql/client"
import { LibSQLDatabase } from "drizzle-orm/libsql/driver-core"
import { LibSQLSession } from "drizzle-orm/libsql/session"
import { SQLiteAsyncDialect } from "drizzle-orm/sqlite-core/dialect"

export type Orm = LibSQLDatabase

export function ormOf(client: Client): Orm {
  const dialect = new SQLiteAsyncDialect()
  return new LibSQLDatabase("async", dialect, new LibSQLSession(client, dialect, undefined, {}, undefined), undefined)
}
