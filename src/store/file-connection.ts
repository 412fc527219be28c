// One libSQL connection to a file, in the thread where that is used: every call blocks until it is done. Statements are kept
// prepared; the client library prepares each anew (@libsql/client 0.18), which took a tenth of a batch.
import Libsql from "libsql"

/** What SQLite is told, on whichever connection writes. */
const pragmas = [
  // WAL: readers never wait for the writer. FULL: a commit is on the disk when it returns, so an ack survives power loss.
  "journal_mode = wal",
  "synchronous = full",
  // Chats are scattered over the file: with SQLite's 2 MB of cache a batch of 100 appends to long chats took twice as long.
  "cache_size = -32768",
  // Pages. Everybody waits for a checkpoint. Of 1000, as SQLite has it, each of those batches waited for one; of 8000, it took
  // 10 to 30 ms, and the slowest in a hundred appends 80 instead of 47, for 5 to 15 % more of them.
  "wal_autocheckpoint = 2000",
]
/** Milliseconds that a lock of another process is waited for; all others wait as long. */
const busyTimeout = 50
const maxPrepared = 100

export interface Statement {
  readonly sql: string
  readonly args: readonly unknown[] | Readonly<Record<string, unknown>>
}

export interface Answer {
  readonly columns: readonly string[]
  readonly rows: readonly unknown[][]
  readonly rowsAffected: number
  readonly lastInsertRowid?: number | bigint
}

interface Prepared {
  readonly statement: Libsql.Statement
  /** Null: it gives no rows. */
  readonly columns: readonly string[] | null
}

export class FileConnection {
  readonly #path: string
  readonly #prepared = new Map<string, Prepared>()
  /** Null: whoever comes next opens it. */
  #opened: Libsql.Database | null

  constructor(path: string) {
    this.#path = path
    this.#opened = open(path)
  }

  get #db(): Libsql.Database {
    this.#opened ??= open(this.#path)
    return this.#opened
  }

  execute(statement: Statement): Answer {
    return this.#safely(() => this.#run(statement))
  }

  /** All or nothing. `begin`: how the transaction begins. */
  batch(statements: readonly Statement[], begin: string): Answer[] {
    return this.#safely(() => {
      this.#db.exec(begin)
      const answers = statements.map((statement) => this.#run(statement))
      this.#db.exec("commit")
      return answers
    })
  }

  /** A batch that may remake tables which others refer to. */
  migrate(statements: readonly Statement[]): Answer[] {
    this.#db.exec("pragma foreign_keys = off")
    try {
      return this.batch(statements, "begin immediate")
    } finally {
      this.#prepared.clear()
      this.#db.exec("pragma foreign_keys = on")
    }
  }

  close(): void {
    this.#prepared.clear()
    this.#opened?.close()
    this.#opened = null
  }

  #safely<T>(act: () => T): T {
    try {
      return act()
    } catch (error) {
      this.#recover(error)
      throw error
    }
  }

  /**
   * After SQLITE_BUSY a connection of libsql 0.5 keeps the statement that met it open, and from then on every commit fails
   * with "SQL statements in progress" (libsql-client-ts#352). So such a connection is not used again. A closed one may not
   * even be asked whether it is in a transaction: that ends the process.
   */
  #recover(error: unknown): void {
    if (error instanceof Libsql.SqliteError && error.code.startsWith("SQLITE_BUSY")) {
      this.close()
    } else if (this.#opened?.inTransaction) this.#opened.exec("rollback")
  }

  #run({ sql, args }: Statement): Answer {
    const { statement, columns } = this.#prepare(sql)
    const values = Array.isArray(args) ? args.map(bound) : mapped(args)
    try {
      // What was prepared before does not know of columns that came since.
      if (!columns && /^\s*(?:create|alter|drop)\b/i.test(sql)) this.#prepared.clear()
      if (columns) return { columns, rows: statement.all(values) as unknown[][], rowsAffected: 0 }
      const { changes, lastInsertRowid } = statement.run(values)
      return { columns: [], rows: [], rowsAffected: changes, lastInsertRowid }
    } catch (error) {
      this.#prepared.delete(sql)
      throw error
    }
  }

  #prepare(sql: string): Prepared {
    const known = this.#prepared.get(sql)
    if (known) return known
    const statement = this.#db.prepare(sql)
    const prepared = statement.reader
      ? { statement: statement.raw(true), columns: statement.columns().map(({ name }) => name) }
      : { statement, columns: null }
    // The oldest goes: what is used each moment is soon back.
    for (const oldest of this.#prepared.keys()) {
      if (this.#prepared.size < maxPrepared) break
      this.#prepared.delete(oldest)
    }
    this.#prepared.set(sql, prepared)
    return prepared
  }
}

function open(path: string): Libsql.Database {
  const db = new Libsql(path, { timeout: busyTimeout })
  try {
    for (const pragma of pragmas) db.exec(`pragma ${pragma}`)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

function mapped(args: Statement["args"]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(args).map(([name, value]) => [name.replace(/^[@$:]/, ""), bound(value)]))
}

/** As SQLite takes it. */
function bound(value: unknown): unknown {
  if (typeof value === "boolean") return value ? 1 : 0
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  if (value instanceof ArrayBuffer) return Buffer.from(value)
  if (value === undefined) throw new TypeError("undefined cannot be stored")
  return value
}
