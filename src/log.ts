// One JSON line per event on standard error; on a terminal, lines for people. Fields: trace_id, chat_id, turn_id.
import pino from "pino"
import type { Config } from "./settings.ts"

export interface Log {
  debug(fields: object, text: string): void
  info(fields: object, text: string): void
  warn(fields: object, text: string): void
  error(fields: object, text: string): void
  child(fields: object): Log
}

/** Opens the log. Secrets never get here: no token, key or message text is ever logged. */
export async function openLog(level: Config["log_level"]): Promise<Log> {
  const log: Log = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      serializers: { err: readable },
    },
    await destination(),
  )
  return log
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

async function destination(): Promise<pino.DestinationStream> {
  if (!process.stderr.isTTY) return pino.destination({ dest: 2, sync: true })
  const pretty = await import("pino-pretty")
  return pretty.default({ destination: 2, sync: true, translateTime: "HH:MM:ss.l", ignore: "pid,hostname" })
}

export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
}
