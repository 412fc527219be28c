// An embedded database has one owner. The lock is SQLite's own on a file beside it, so it goes when the process goes,
// however it dies, and there is no stale pid file to clean up.
import { Database as Sqlite } from "bun:sqlite"

export interface Lock {
  release(): void
}

/** Takes the lock or throws at once. */
export function holdLock(path: string): Lock {
  const sqlite = new Sqlite(path, { create: true })
  try {
    sqlite.exec("pragma locking_mode = exclusive; begin exclusive")
  } catch (cause) {
    sqlite.close()
    if (cause instanceof Error && "code" in cause && cause.code === "SQLITE_BUSY") {
      throw new LockedError(path, { cause })
    }
    throw cause
  }
  return { release: () => sqlite.close() }
}

export class LockedError extends Error {
  override readonly name = "LockedError"

  constructor(path: string, options: ErrorOptions) {
    super(
      `another process has it open (${path}). A file serves one instance; for several, set DATABASE_URL to a libSQL server`,
      options,
    )
  }
}
