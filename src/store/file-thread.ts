// The thread in which files are read and written: SQLite's calls block, and a commit waits for the disk, while sockets go on.
// Started by file-client.ts. What comes in is done one after the other.
import { type Answer, FileConnection, type Statement } from "./file-connection.ts"

export type Request = { readonly number: number; readonly path: string } & (
  | { readonly act: "open" | "close" }
  | { readonly act: "execute"; readonly statement: Statement }
  | { readonly act: "batch"; readonly statements: readonly Statement[]; readonly begin: string }
  | { readonly act: "migrate"; readonly statements: readonly Statement[] }
)

export interface Fault {
  readonly message: string
  /** SQLite's own, such as SQLITE_CONSTRAINT_UNIQUE. */
  readonly code?: string
}

export type Reply = { readonly number: number } & ({ readonly answers: readonly Answer[] } | { readonly fault: Fault })

declare const self: Worker

const connections = new Map<string, FileConnection>()

self.onmessage = ({ data }: MessageEvent<Request>) => {
  self.postMessage({ number: data.number, ...replyTo(data) } satisfies Reply)
}

function replyTo(request: Request): { answers: readonly Answer[] } | { fault: Fault } {
  try {
    return { answers: perform(request) }
  } catch (error) {
    return { fault: faultOf(error) }
  }
}

function perform(request: Request): readonly Answer[] {
  const { path } = request
  if (request.act === "close") {
    connections.get(path)?.close()
    connections.delete(path)
    return []
  }
  const connection = connections.get(path) ?? new FileConnection(path)
  connections.set(path, connection)
  switch (request.act) {
    case "open":
      return []
    case "execute":
      return [connection.execute(request.statement)]
    case "batch":
      return connection.batch(request.statements, request.begin)
    case "migrate":
      return connection.migrate(request.statements)
  }
}

function faultOf(error: unknown): Fault {
  if (!(error instanceof Error)) return { message: String(error) }
  const code = "code" in error && typeof error.code === "string" && error.code ? { code: error.code } : {}
  return { message: error.message, ...code }
}
