// What bots leave for their next turns, as a turn keeps it: under the name of each, since several may answer in one chat and
// none may be given what another left.
import type { z } from "zod"
import type { Json } from "../protocol/ids.ts"

type Value = z.infer<typeof Json>

/** What the bot of this name left, else null. */
export function checkpointFor(name: string, kept: unknown): unknown {
  return isRecord(kept) && Object.hasOwn(kept, name) ? kept[name] : null
}

/** What is to be kept from now on. */
export function withCheckpoint(kept: unknown, name: string, checkpoint: Value): Record<string, Value> {
  return { ...(isRecord(kept) ? kept : {}), [name]: checkpoint }
}

function isRecord(value: unknown): value is Record<string, Value> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
