// What bots leave for their next turns, as a turn keeps it: under the name of each, since several may answer in one chat and
// none may be given what another left.
import type { z } from "zod"
import { ChatError } from "../errors.ts"
import type { Json } from "../protocol/ids.ts"

type Value = z.infer<typeof Json>

/** What the bot of this name left, else null. */
export function checkpointFor(name: string, kept: unknown): unknown {
  return isRecord(kept) && Object.hasOwn(kept, name) ? kept[name] : null
}

/** Bytes of JSON, of all bots of a chat together: with an answer beside it, as much as a libSQL server takes. */
const limit = 2_000_000

/** What is to be kept from now on. Throws `checkpoint_too_large`. */
export function withCheckpoint(kept: unknown, name: string, checkpoint: Value): Record<string, Value> {
  const all = { ...(isRecord(kept) ? kept : {}), [name]: checkpoint }
  const size = Buffer.byteLength(JSON.stringify(all))
  if (size > limit) throw new ChatError("checkpoint_too_large", { params: { size, limit } })
  return all
}

function isRecord(value: unknown): value is Record<string, Value> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}
