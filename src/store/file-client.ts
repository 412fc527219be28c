// A file as a libSQL client, whose work is done in a thread of its own (file-thread.ts).
import type { Client, InArgs, InStatement, ResultSet, Row, TransactionMode } from "@libsql/client"
import { LibsqlError } from "@libsql/core/api"
import type { Answer, Statement } from "./file-connection.ts"
import type { Fault, Reply, Request } from "./file-thread.ts"
import { fileWorker } from "./file-worker.ts"

interface Waiting {
  resolve(answers: readonly Answer[]): void
  reject(error: Error): void
}

type Act = Request extends infer Each ? (Each extends Request ? Omit<Each, "number" | "path"> : never) : never

class FileThread {
  readonly #worker = fileWorker()
  readonly #waiting = new Map<number, Waiting>()
  #last = 0

  /** `onEnd`: it broke, and whoever comes next needs another. */
  constructor(onEnd: () => void) {
    this.#worker.onmessage = ({ data }: MessageEvent<Reply>) => this.#settle(data)
    this.#worker.onerror = ({ message }) => {
      onEnd()
      this.#worker.terminate()
      this.#fail(new Error(`the thread of the database broke: ${message}`))
    }
  }

  ask(path: string, act: Act): Promise<readonly Answer[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly Answer[]>()
    const number = ++this.#last
    // First: what cannot be sent throws, and would be waited for without end.
    this.#worker.postMessage({ number, path, ...act } satisfies Request)
    // Only what is waited for keeps the process alive.
    if (this.#waiting.size === 0) this.#worker.ref()
    this.#waiting.set(number, { resolve, reject })
    return promise
  }

  #settle(reply: Reply): void {
    const waiting = this.#waiting.get(reply.number)
    this.#waiting.delete(reply.number)
    if (this.#waiting.size === 0) this.#worker.unref()
    if ("answers" in reply) waiting?.resolve(reply.answers)
    else waiting?.reject(errorOf(reply.fault))
  }

  get busy(): boolean {
    return this.#waiting.size > 0
  }

  #fail(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
    this.#worker.unref()
  }
}

/** One for all files of the process: each would take 20 MB. It opens by itself what it is asked about. */
let thread: FileThread | undefined

function ask(path: string, act: Act): Promise<readonly Answer[]> {
  thread ??= new FileThread(() => {
    thread = undefined
  })
  return thread.ask(path, act)
}

/** Something is being read or written: with a clock that stands still, nobody can know when it is done. */
export function isFileThreadBusy(): boolean {
  return thread?.busy ?? false
}

/** Opens the file, or makes it; rejects when that is not possible. */
export async function openFileClient(path: string): Promise<FileClient> {
  const client = new FileClient(path)
  await client.reconnect()
  return client
}

export class FileClient implements Client {
  closed = false
  readonly protocol = "file"
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  async execute(statement: InStatement | string, args?: InArgs): Promise<ResultSet> {
    const given = typeof statement === "string" && args !== undefined ? { sql: statement, args } : statement
    const [answer] = await this.#ask({ act: "execute", statement: statementOf(given) })
    if (!answer) throw new Error("a statement was not answered")
    return resultOf(answer)
  }

  async batch(
    statements: readonly (InStatement | [string, InArgs?])[],
    mode: TransactionMode = "deferred",
  ): Promise<ResultSet[]> {
    const begin = mode === "write" ? "begin immediate" : "begin"
    const answers = await this.#ask({ act: "batch", statements: statements.map(statementOf), begin })
    return answers.map(resultOf)
  }

  async migrate(statements: InStatement[]): Promise<ResultSet[]> {
    return (await this.#ask({ act: "migrate", statements: statements.map(statementOf) })).map(resultOf)
  }

  /** Never used here: a transaction that waits for its caller holds up all others (DESIGN: storage topology). */
  transaction(): never {
    throw new Error("interactive transactions are not used")
  }

  executeMultiple(): never {
    throw new Error("a script is not used")
  }

  sync(): never {
    throw new Error("a file follows no server")
  }

  async reconnect(): Promise<void> {
    this.closed = false
    await this.#ask({ act: "open" })
  }

  /** Resolves when the file is let go; whatever was asked before is done before. */
  async close(): Promise<void> {
    if (this.closed) return
    this.closed = true
    await ask(this.#path, { act: "close" })
  }

  async #ask(act: Act): Promise<readonly Answer[]> {
    if (this.closed) throw new LibsqlError("the database is closed", "CLIENT_CLOSED")
    return ask(this.#path, act)
  }
}

function statementOf(statement: InStatement | readonly [string, InArgs?]): Statement {
  if (typeof statement === "string") return { sql: statement, args: [] }
  if ("sql" in statement) return { sql: statement.sql, args: statement.args ?? [] }
  const [sql, args = []] = statement
  return { sql, args }
}

/** By name, and by place where only drizzle looks. The places are on the class: defined on each row, they took half of a read. */
class FileRow {
  static #places = 0
  readonly #values: readonly unknown[]

  constructor(columns: readonly string[], values: readonly unknown[]) {
    this.#values = values
    const named = this as unknown as Record<string, unknown>
    for (let place = 0; place < columns.length; place++) named[columns[place] ?? ""] = values[place]
    for (; FileRow.#places < columns.length; FileRow.#places++) FileRow.#addPlace(FileRow.#places)
  }

  get length(): number {
    return this.#values.length
  }

  /** A column of this name is found by its place. */
  set length(_: unknown) {}

  static #addPlace(place: number): void {
    const get = function (this: FileRow) {
      return this.#values[place]
    }
    // A column may have a number as its name, as that of `select 1` has; where there is such a place, the place counts.
    const set = function (this: FileRow, value: unknown) {
      if (place >= this.#values.length) Object.defineProperty(this, place, { value, enumerable: true })
    }
    Object.defineProperty(FileRow.prototype, place, { get, set })
  }
}

function resultOf({ columns, rows, rowsAffected, lastInsertRowid }: Answer): ResultSet {
  const result = {
    columns: [...columns],
    columnTypes: columns.map(() => ""),
    rows: rows.map((values) => new FileRow(columns, values) as unknown as Row),
    rowsAffected,
    lastInsertRowid: lastInsertRowid === undefined ? undefined : BigInt(lastInsertRowid),
  }
  return { ...result, toJSON: () => result }
}

/** As the client of a server says it. */
function errorOf({ message, code }: Fault): Error {
  if (code === undefined) return new Error(message)
  return new LibsqlError(message, /^SQLITE_[A-Z]+/.exec(code)?.[0] ?? code, code, undefined, new Error(message))
}
