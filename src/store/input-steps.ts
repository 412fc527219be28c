// What appends do to the questions that bots ask people.
import type { Append } from "./append.ts"
import { accepted, none, step } from "./step.ts"

export const insertInputs = step<{ append: Append; input: NonNullable<Append["new_input"]> }>({
  items: (append) => (append.new_input ? [{ append, input: append.new_input }] : none),
  columns: {
    session_id: ({ append }) => append.session_id,
    create_time: ({ append }) => append.create_time,
    id: ({ input }) => input.id,
    turn_id: ({ input }) => input.turn_id,
    prompt: ({ input }) => input.prompt,
    fields: ({ input }) => input.fields,
    expires_at: ({ input }) => input.expires_at,
  },
  sql: `insert into inputs (id, session_id, turn_id, prompt, fields, expires_at, create_time)
select a.id, s.id, a.turn_id, a.prompt, a.fields, a.expires_at, a.create_time ${accepted}`,
})

export const answerInputs = step<{ append: Append; answer: NonNullable<Append["answer_input"]> }>({
  items: (append) => (append.answer_input ? [{ append, answer: append.answer_input }] : none),
  columns: {
    session_id: ({ append }) => append.session_id,
    create_time: ({ append }) => append.create_time,
    id: ({ answer }) => answer.id,
    message_id: ({ answer }) => answer.message_id,
  },
  sql: `update inputs set answered_by = j.message_id, closed_at = j.create_time
from (select a.* ${accepted}) j where inputs.id = j.id`,
})

/**
 * A new question takes the place of the one before, and nobody is asked anything any more when the time is over or the
 * session has ended.
 */
export const closeInputs = step<Append>({
  items: (append) => (closes(append) ? [append] : none),
  columns: { session_id: ({ session_id }) => session_id, create_time: ({ create_time }) => create_time },
  sql: `update inputs set closed_at = j.create_time
from (select a.* ${accepted}) j where inputs.session_id = j.session_id and inputs.closed_at is null`,
})

function closes({ new_input, expire_input, close_question, session }: Append): boolean {
  return Boolean(new_input ?? expire_input ?? close_question) || session?.state === "ended"
}
