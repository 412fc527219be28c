// Every turn ends, once; its answer comes before its end; turns of a chat run one after the other; in the end none is open.

import type { Tell } from "./checker.ts"
import type { Judged, JudgedTurn } from "./checker-chat.ts"

export function turnsOf({ final, turns }: Judged, tell: Tell): void {
  for (const [turn_id, turn] of turns) turnOf(turn_id, turn, tell)
  for (const event of final.log) {
    if (event.type !== "end" && event.type !== "result" && event.type !== "interrupt") continue
    const { turn_id } = event.data
    const turn = turn_id === null ? undefined : turns.get(turn_id)
    if (turn_id === null) continue
    if (!turn) tell("each turn has a question", { turn_id, seq: event.seq, type: event.type })
    else if (event.seq > (turn.ends[0]?.seq ?? Number.POSITIVE_INFINITY))
      tell("nothing after its end", { turn_id, seq: event.seq, type: event.type, end: turn.ends[0]?.seq })
  }
  lineOf([...turns.values()], tell)
  const { stored } = final
  for (const { id, state } of stored.turns) {
    const end = turns.get(id)?.ends[0]
    if (end?.data.state !== state)
      tell("the store knows how a turn ended", { turn_id: id, state, end: end?.data.state })
  }
  if (stored.turns.length !== turns.size)
    tell("the store has the turns of the log", { stored: stored.turns.length, log: turns.size })
  const resting = stored.questions > 0 ? ["waiting_input"] : ["initialized", "completed", "interrupted"]
  if (!resting.includes(stored.state)) tell("the session rests", { state: stored.state, questions: stored.questions })
}

function turnOf(turn_id: string, { question, results, ends }: JudgedTurn, tell: Tell): void {
  const [result] = results
  const [end] = ends
  if (ends.length !== 1) tell("a turn ends once", { turn_id, question: question.seq, ends: ends.map(({ seq }) => seq) })
  if (results.length > 1) tell("one answer", { turn_id, results: results.map(({ seq }) => seq) })
  if (!end) return
  if (end.seq < question.seq || (result && result.seq > end.seq))
    tell("question, answer, end", { turn_id, question: question.seq, result: result?.seq, end: end.seq })
  if (end.data.message_id !== (result?.data.id ?? null))
    tell("the end names the answer", { turn_id, named: end.data.message_id, result: result?.data.id })
  if ((end.data.state === "waiting_input") !== (end.data.question !== null))
    tell("who waits for input has asked", { turn_id, state: end.data.state })
}

/** What was not interrupted ended in the order of the questions: one at a time, as they stood in line (P6.3). */
function lineOf(turns: readonly JudgedTurn[], tell: Tell): void {
  let last = 0
  for (const { question, ends } of turns) {
    const [end] = ends
    if (!end || end.data.state === "interrupted") continue
    if (end.seq < last) tell("one turn at a time", { question: question.seq, end: end.seq, before: last })
    last = Math.max(last, end.seq)
  }
}
