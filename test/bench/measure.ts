// Runs one measure in a process of its own, so that none inherits the garbage of another: bun measure.ts NAME.
import type { Row } from "./table.ts"

/** In the order of the table; loaded one by one. */
export const measures: Readonly<Record<string, () => Promise<Row[]>>> = {
  "fan-out": async () => (await import("./measures/fan-out.ts")).fanOut(),
  streaming: async () => (await import("./measures/streaming.ts")).streaming(),
  "durable-file": async () => (await import("./measures/durable.ts")).durableFile(),
  "durable-sqld": async () => (await import("./measures/durable.ts")).durableSqld(),
  idle: async () => (await import("./measures/idle.ts")).idle(),
  storm: async () => (await import("./measures/storm.ts")).storm(),
  history: async () => (await import("./measures/history.ts")).history(),
  start: async () => (await import("./measures/start.ts")).start(),
  "cross-instance": async () => (await import("./measures/cross-instance.ts")).crossInstance(),
}

if (import.meta.main) {
  const rows = await measures[Bun.argv[2] ?? ""]?.()
  process.send?.(rows)
  process.exit(0)
}
