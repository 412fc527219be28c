// What the bot said is what it says to this question: whole when it was not interrupted, else from the beginning; at each
// device the pieces add up to the same text.

import type { Tell } from "./checker.ts"
import type { Judged } from "./checker-chat.ts"

export function answersOf({ entries, turns }: Judged, answerTo: (question: string) => string, tell: Tell): void {
  /** By device and message. */
  const drafts = new Map<string, { device: string; turn_id: string; text: string }>()
  for (const { at, device, happened } of entries) {
    if (happened.kind !== "news") continue
    const { turn_id, message_id, delta, length } = happened
    const key = `${device} ${message_id}`
    const text = drafts.get(key)?.text ?? ""
    if (length - delta.length > text.length)
      tell("no hole in a streamed text", { device, at, message_id, has: text.length, offset: length - delta.length })
    drafts.set(key, { device, turn_id, text: text.slice(0, length - delta.length) + delta })
  }
  for (const { device, turn_id, text } of drafts.values()) {
    const turn = turns.get(turn_id)
    if (!turn) tell("pieces belong to a turn", { device, turn_id, text })
    else if (!isBeginning(text, answerTo(turn.text)))
      tell("streamed text is the answer's", { device, turn_id, text, question: turn.text })
  }
  for (const [turn_id, { text: question, results, ends }] of turns) {
    const [end] = ends
    if (!end) continue
    const text = results[0]?.data.message ?? ""
    const whole = answerTo(question)
    const { state, reason } = end.data
    const cut = state === "interrupted" || (state === "failed" && reason !== "handler_failed")
    if (cut ? !isBeginning(text, whole) : text !== whole)
      tell("the result is the answer", { turn_id, state, reason, text, whole })
  }
}

/** Half of a character whose other half never came is shown as U+FFFD. */
function isBeginning(text: string, whole: string): boolean {
  return whole.startsWith(text.replace(/\uFFFD$/, ""))
}
