// A turn as the store has it, made ready to be run: with its question, and with what an earlier run left.
import { isLanguage } from "../language/language.ts"
import type { Part } from "../protocol/message.ts"
import type { Database } from "../store/database.ts"
import { messagesByKey } from "../store/events.ts"
import { merged } from "../store/merged.ts"
import type { TurnRow } from "../store/schema.ts"
import type { Draft } from "./answer.ts"
import type { HeldTurn } from "./turn.ts"

/** Throws `store_unavailable` when the question cannot be read now. */
export async function heldTurn(db: Database, row: TurnRow): Promise<HeldTurn> {
  const messages = await messagesByKey(db, [row.message_id, ...(row.merged ?? [])])
  // Of several, those that were deleted are not asked; when all were, the turn is not.
  const [asked] = messages
  if (!asked) throw new Error(`the turn ${row.id} has no question`)
  const [first = asked, ...later] = messages.filter(({ deleted_at }) => !deleted_at)
  // It keeps its name and its place in the conversation, whatever is left of it.
  const question = { ...merged(first, later), id: asked.id, reply_to: asked.reply_to }
  const { id, answer_id, seq, generation, trace_id, attempts } = row
  const language = isLanguage(row.language) ? row.language : "en"
  return { id, answer_id, seq, generation, trace_id, language, question, attempts, resume: resumeOf(row) }
}

function resumeOf({ resume_from, checkpoint, ...row }: TurnRow): HeldTurn["resume"] {
  if (!resume_from) return null
  const draft: Draft = {
    text: row.partial_text.slice(0, resume_from.text),
    reasoning: row.partial_reasoning.slice(0, resume_from.reasoning),
    parts: resume_from.parts,
  }
  return { draft, checkpoint }
}

/** What was kept of an answer, for a turn that is not run on. */
export function draftOf({ partial_text: text, partial_reasoning, resume_from }: TurnRow): {
  text: string
  parts: Part[]
} {
  const reasoning = partial_reasoning ? [{ type: "reasoning" as const, text: partial_reasoning }] : []
  return { text, parts: [...reasoning, ...(resume_from?.parts ?? [])] }
}
