// One JSON line per event on standard error; on a terminal, lines for people. Fields: trace_id, chat_id, turn_id.
import pino from "pino"
import type { Config } from "./config.ts"

export interface Log {
  debug(fields: object, text: string): void
  info(fields: object, text: string): void
  warn(fields: object, text: string): void
  error(fields: object, text: string): void
  child(fields: object): Log
}

/** Opens the log. Secrets never get here: no token, key or message text is ever logged. */
export async function openLog(level: Config["log_level"]): Promise<Log> {
  const log: Log = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, await destination())
  return log
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
