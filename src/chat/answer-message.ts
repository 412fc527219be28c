// What a person says to an open question, made into what is kept: the checked answer as a part, and a text that people read.
import type { Clock } from "../clock.ts"
import { timestamp } from "../clock.ts"
import { ChatError } from "../errors.ts"
import type { Said } from "../protocol/client-frame.ts"
import type { FilePart, Message, Part } from "../protocol/message.ts"
import type { Database } from "../store/database.ts"
import { inputOf, messageByClientId } from "../store/events.ts"
import { answerOfText, checkAnswer, renderAnswer } from "./answer-check.ts"
import { filesOfAnswer } from "./answer-files.ts"
import type { Value } from "./answer-read.ts"
import type { Incoming } from "./new-message.ts"

export interface Answer {
  readonly input_id: string
  readonly text: string
  readonly parts: Part[]
}

type Of<Kind extends Said["kind"]> = Incoming<Extract<Said, { kind: Kind }>>

/** A form that was filled in, checked against the question as it is here or, asked on another instance, in the store (P6.13). */
export async function answerOfInput(db: Database, { chat, caller, client_id, said }: Of<"input">): Promise<Answer> {
  const { session, question: open } = chat
  const { principal, language } = caller
  const once = client_id === null ? undefined : { session_id: session.id, user_id: principal.user_id, client_id }
  const earlier = once && (await messageByClientId(db, once))
  // Sent again without naming the question, it still means the one that it was said to.
  const input_id = said.input_id ?? answeredBy(earlier) ?? open?.input_id ?? ""
  const asked = open?.input_id === input_id ? { ...open, closed_at: null } : await inputOf(db, session.id, input_id)
  const fields = asked?.fields ?? []
  const answer = (value: Value, files: readonly FilePart[]): Answer => {
    const names = new Map(files.map(({ file_id, name }) => [file_id, name]))
    const text = renderAnswer(fields, value, language, (id) => names.get(id) ?? id)
    return { input_id, text, parts: [{ type: "input", input_id, answer: value }, ...files] }
  }
  const mayBeTaken = asked !== undefined && asked.closed_at === null && !earlier
  try {
    const value = checkAnswer(fields, said.answer, language)
    return answer(
      value,
      mayBeTaken ? await filesOfAnswer(db, session.user_id, { input_id, fields, answer: value }, language) : [],
    )
  } catch (error) {
    // Why one cannot be taken that comes too late, or again, is told where it is refused.
    if (mayBeTaken || !(error instanceof ChatError) || error.code !== "bad_answer") throw error
    return { input_id, text: "", parts: [{ type: "input", input_id, answer: said.answer }] }
  }
}

/** A text while a question is open: its answer, where it can be one (P6.7); else undefined, and it is an ordinary message. */
export function answerOfOrdinary(clock: Clock, { chat, caller, said }: Of<"text">): Answer | undefined {
  const { question } = chat
  // One that says where in the conversation it belongs is about that (P6.12).
  if (
    !question ||
    said.reply_to !== undefined ||
    (question.expires_at !== null && question.expires_at <= timestamp(clock.now()))
  )
    return undefined
  const { input_id, fields } = question
  const answer = answerOfText(fields, said.text, caller.language)
  return answer === undefined ? undefined : { input_id, text: said.text, parts: [{ type: "input", input_id, answer }] }
}

function answeredBy(message: Message | undefined): string | undefined {
  return message?.parts.find((part) => part.type === "input")?.input_id
}
