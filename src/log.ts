// One JSON line per event on standard error; on a terminal, lines for people. Fields: trace_id, chat_id, turn_id.
import { fstatSync, writeSync } from "node:fs"
import { systemClock, timestamp } from "./clock.ts"
import type { Config } from "./settings.ts"

export interface Log {
  debug(fields: object, text: string): void
  info(fields: object, text: string): void
  warn(fields: object, text: string): void
  error(fields: object, text: string): void
  child(fields: object): Log
}

type Level = Config["log_level"]
type Write = (line: string) => void

/** As the tools that read such lines know them: pino's. */
const ranks: Record<Level, number> = {
  trace: 10,
  debug: 20,
  info: 30,
  warn: 40,
  error: 50,
  fatal: 60,
  silent: Number.POSITIVE_INFINITY,
}

/** Opens the log. Secrets never get here: no token, key or message text is ever logged. */
export async function openLog(level: Level): Promise<Log> {
  return logTo(await destination(), ranks[level], {})
}

function logTo(write: Write, least: number, bound: object): Log {
  const lines = (rank: number) => (fields: object, msg: string) => {
    if (rank < least) return
    const time = timestamp(systemClock.now())
    const head = { level: rank, time, ...bound }
    const said = "err" in fields ? { ...fields, err: readable(fields.err) } : fields
    write(`${lineOf({ ...head, ...said, msg }) ?? JSON.stringify({ level: rank, time, msg })}\n`)
  }
  return {
    debug: lines(ranks.debug),
    info: lines(ranks.info),
    warn: lines(ranks.warn),
    error: lines(ranks.error),
    child: (fields) => logTo(write, least, { ...bound, ...fields }),
  }
}

/** Undefined: the fields hold themselves, or what JSON has no words for. */
function lineOf(fields: object): string | undefined {
  try {
    return JSON.stringify(fields)
  } catch {
    return undefined
  }
}

/** What a plug-in throws may be anything: a line of the log must not fail over it. */
function readable(error: unknown): unknown {
  try {
    return traceOf(error)
  } catch {
    return "an error that cannot be read"
  }
}

/** Of an error, where it comes from. Its further fields may hold whole requests, and Drizzle's message what was asked for. */
function traceOf(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return String(error)
  const { name, message, stack, cause } = error
  const [said = ""] = message.split("\nparams: ")
  return {
    type: name,
    message: said,
    ...("code" in error ? { code: error.code } : {}),
    ...(stack === undefined ? {} : { stack: stack.replace(message, () => said) }),
    ...(cause === undefined || depth === 5 ? {} : { cause: traceOf(cause, depth + 1) }),
  }
}

async function destination(): Promise<Write> {
  if (!isTerminal()) return writeOut
  const pretty = await import("pino-pretty")
  const stream = pretty.default({ destination: 2, sync: true, translateTime: "HH:MM:ss.l", ignore: "pid,hostname" })
  return (line) => void stream.write(line)
}

/** Bun makes `process.stderr` when it is first looked at, which takes 4 ms of a start (1.4.5): a file or pipe is seen before. */
function isTerminal(): boolean {
  try {
    return fstatSync(2).isCharacterDevice() && process.stderr.isTTY
  } catch {
    // It is closed.
    return false
  }
}

const pause = new Int32Array(new SharedArrayBuffer(4))

/** Written when it returns: what is logged last before the process ends is not lost. Where nobody reads, nothing can be said. */
function writeOut(line: string): void {
  let rest: Uint8Array = Buffer.from(line)
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(2, rest))
    } catch (error) {
      // A pipe that does not block is full for the moment.
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) return
      Atomics.wait(pause, 0, 0, 1)
    }
  }
}

export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
}
