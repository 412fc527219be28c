// Appends as statements: many appends, of different chats, take one statement per table, however many they are.
import type { InStatement } from "@libsql/client"
import type { Append } from "./append.ts"
import { insertFirstEvents, insertLaterEvents } from "./event-steps.ts"
import { threadStatements } from "./graph-statements.ts"
import { answerInputs, closeInputs, insertInputs } from "./input-steps.ts"
import { deleteMessages, editMessages, insertMessages } from "./message-steps.ts"
import { countRatings, forgetEdits, rateMessages, tellRatings, unaskQuestions } from "./rating-steps.ts"
import { updateSessions } from "./session-step.ts"
import { accepted, type Group, type MakeStatement, none, type StepOf, step } from "./step.ts"
import { claimTurns, dropTurns, endTurns, insertTurns, mergeTurns, stopTurns } from "./turn-steps.ts"

// What a graph kept of a chat goes with it (handlers/graph/position.ts: each turn has a thread of its own).
const threadsGone =
  threadStatements(`select t.id ${accepted} join turns t on t.session_id = s.id and t.state in ('queued', 'running')
  union all select e.ref ${accepted} join events e on e.session_id = s.id and e.kind = 'end'`)
const goneChats: Omit<StepOf<Append>, "sql"> = {
  items: (append) => (append.session?.deleted_at === undefined ? none : [append]),
  columns: { session_id: ({ session_id }) => session_id },
}

// In this order.
const steps = {
  events: insertFirstEvents,
  later_events: insertLaterEvents,
  messages: insertMessages,
  end: endTurns,
  stop: stopTurns,
  drops: dropTurns,
  merges: mergeTurns,
  turns: insertTurns,
  claims: claimTurns,
  close: closeInputs,
  inputs: insertInputs,
  answers: answerInputs,
  edits: editMessages,
  counters: countRatings,
  counters_told: tellRatings,
  ratings: rateMessages,
  deletions: deleteMessages,
  edits_gone: forgetEdits,
  questions_gone: unaskQuestions,
  threads: step({ ...goneChats, sql: threadsGone.checkpoints }),
  thread_writes: step({ ...goneChats, sql: threadsGone.writes }),
  sessions: updateSessions,
} satisfies Record<string, MakeStatement>

export type Step = keyof typeof steps

/** The statements of one batch. No two groups may be of the same session: numbers and guards count on it. */
export function appendStatements(groups: readonly Group[]): { step: Step; statement: InStatement }[] {
  return (Object.entries(steps) as [Step, MakeStatement][]).flatMap(([step, make]) => {
    const statement = make(groups)
    return statement ? [{ step, statement }] : []
  })
}
