// What is done for each message costs the same however long the chat and however many chats there are: by its plans.

import { expect, test } from "bun:test"
import { newId } from "../../src/ids.ts"
import type { Append } from "../../src/store/append.ts"
import { appendStatements } from "../../src/store/append-statements.ts"
import { branchBefore } from "../../src/store/branch.ts"
import {
  eventsSince,
  loadChat,
  messageByClientId,
  messagesByKey,
  revisionByClientId,
  sessionByKey,
  snapshotOf,
  wasEdited,
} from "../../src/store/events.ts"
import { dropOwnLeases, renewLease, turnsOf } from "../../src/store/instances.ts"
import { deletableMessages, moveLifecycles, sessionByName } from "../../src/store/session-changes.ts"
import { takeOver, takeStranded } from "../../src/store/take-over.ts"
import { checkpointStatement, releaseTurns, turnById } from "../../src/store/turns.ts"
import { openTestDatabase, planOf, watched } from "../support/database.ts"
import { appendOf, endOf, openChat, questionOf } from "./appends.ts"

/** Ways to find rows whose number does not grow with the log. */
const short = [
  /\(id=\?\)( LEFT-JOIN)?$/,
  /\(session_id=\? AND seq[=<>]\?\)( LEFT-JOIN)?$/,
  /\(session_id=\? AND user_id=\? AND client_id=\?\)$/,
  /\(user_id=\? AND chat_id=\?\)$/,
  // Hold edits and ratings only, and of them those of one message, or the one of an id.
  /USING (COVERING )?INDEX events_revisions \(session_id=\? AND ref=\?( AND seq>\?)?\)$/,
  /USING (COVERING )?INDEX events_revised_once \(session_id=\? AND <expr>=\?\)$/,
  // Hold what is open only: a few turns, at most one question.
  /USING (COVERING )?INDEX turns_open \(session_id=\?/,
  /USING (COVERING )?INDEX inputs_open \(session_id=\?\)$/,
]

/** The steps of a plan that read more than they should; with the plan, so that a failure shows it. */
function long(sql: string, plan: string): string[] {
  const aside = new Set(Array.from(sql.matchAll(/(\w+) as materialized/g), ([, name]) => name))
  const wrong = plan.split("\n").filter((step) => {
    const [, table = ""] = /^SCAN (\w+)/.exec(step) ?? []
    if (table !== "") return !aside.has(table) && !step.includes("VIRTUAL TABLE")
    return step.startsWith("SEARCH") && !short.some((pattern) => pattern.test(step))
  })
  return wrong.length > 0 ? [...wrong, `of the plan\n${plan}\nof ${sql}`] : []
}

const everyGuard: Required<Append["guard"]> = {
  once: { user_id: 1, client_id: "c" },
  open: true,
  fence: { turn_id: "t", generation: 1 },
  stoppable: "t",
  answer: "m",
  queued: "t",
  joinable: { turn_id: "t", user_id: 1, role: "user" },
  line: ["t"],
  base_seq: 1,
  after: { user_id: 1, client_ids: ["c"] },
  untouched: { ref: "m", since: 1 },
  revised_once: "c",
  untitled: true,
  question: "i",
  max_open_turns: 1,
}

async function everyStep(): Promise<Append> {
  await using db = await openTestDatabase()
  const chat = await openChat(db)
  const question = questionOf(chat)
  return {
    ...endOf(chat, question.new_turn, { claim: { instance: "i", lease_expires_at: 1 } }),
    ...{ new_turn: question.new_turn, stop_turn: "t", delete_messages: ["m"], drop_turns: ["t"] },
    guard: everyGuard,
    merge: { turn_id: "t", message_id: "m" },
    edit_message: { id: "m", message: "x", parts: [] },
    rate_message: { id: "m", liked: 1 },
    new_input: { id: "i", turn_id: "t", prompt: "p", fields: [], expires_at: null },
    answer_input: { id: "i", message_id: "m" },
  }
}

test("no statement of an append, nor of a checkpoint, reads more the longer the log is", async () => {
  await using db = await openTestDatabase()
  const statements = appendStatements([[await everyStep()]])
  expect(statements.map(({ step }) => step)).toEqual([
    ...([
      "events",
      "later_events",
      "messages",
      "end",
      "stop",
      "drops",
      "merges",
      "turns",
      "claims",
      "close",
      "inputs",
      "answers",
      "edits",
      "counters",
      "counters_told",
      "ratings",
      "deletions",
      "edits_gone",
      "questions_gone",
      "sessions",
    ] as const),
  ])
  for (const statement of [...statements.map((one) => one.statement), checkpointStatement([])]) {
    const sql = typeof statement === "string" ? statement : statement.sql
    expect(long(sql, await planOf(db, sql))).toEqual([])
  }
})

const verbs: Record<string, (db: Parameters<typeof loadChat>[0]) => Promise<unknown>> = {
  eventsSince: (db) => eventsSince(db, "s", 5, 50),
  loadChat: (db) => loadChat(db, "s"),
  messageByClientId: (db) => messageByClientId(db, { session_id: "s", user_id: 1, client_id: "c" }),
  messagesByKey: (db) => messagesByKey(db, ["m"]),
  revisionByClientId: (db) => revisionByClientId(db, "s", "c"),
  wasEdited: (db) => wasEdited(db, { session_id: "s", id: "m", seq: 1 }),
  sessionByKey: (db) => sessionByKey(db, "s"),
  sessionByName: (db) => sessionByName(db, 1, "c"),
  moveLifecycles: (db) => moveLifecycles(db, ["s"], ["created", "paused"], "active"),
  deletableMessages: (db) => deletableMessages(db, "s", ["m", "n"]),
  turnById: (db) => turnById(db, "t"),
  renewLease: (db) => renewLease(db, "i", 1),
  releaseTurns: (db) => releaseTurns(db, [{ id: "t", generation: 1 }]),
}

for (const [name, act] of Object.entries(verbs)) {
  test(`${name} reads no more the longer the log is, and sorts nothing`, async () => {
    await using files = await openTestDatabase()
    const db = watched(files)
    await act(db)
    const statements = [...db.single, ...db.batches.flat()]
    expect(statements.length).toBeGreaterThan(0)
    for (const sql of statements) {
      const plan = await planOf(db, sql)
      expect(long(sql, plan)).toEqual([])
      expect(plan).not.toContain("TEMP B-TREE")
    }
  })
}

test("[P6.12] a branch is walked from its end, by keys alone, and no further than is asked for", async () => {
  await using files = await openTestDatabase()
  const db = watched(files)
  await branchBefore(db, "s", "msg_1", 25)
  expect(db.single.length).toBe(2)
  for (const sql of db.single) {
    expect(sql).toContain("b.depth < ")
    const steps = (await planOf(db, sql)).split("\n").filter((step) => /^(SEARCH|SCAN)/.test(step))
    // What is looked at at each step of the walk: the walk itself, rows by their keys, and what joined a deleted question.
    for (const step of steps)
      expect(step).toMatch(
        /^SCAN (b|branch|\(subquery|CONSTANT|e VIRTUAL TABLE)|USING (COVERING )?INDEX sqlite_autoindex_\w+ \(id=\?\)$/,
      )
  }
})

test("a snapshot walks the messages from the newest, and stops when it has enough", async () => {
  await using files = await openTestDatabase()
  const db = watched(files)
  await snapshotOf(db, "s", 50)
  const [statement = ""] = db.single
  const steps = (await planOf(db, statement)).split("\n").filter((step) => /^(SEARCH|USE TEMP)/.test(step))
  expect(steps).toEqual([
    "SEARCH sessions USING INDEX sqlite_autoindex_sessions_1 (id=?)",
    "SEARCH messages USING INDEX messages_order (session_id=?)",
  ])
})

test("recovery looks at turns that are open, not at all there ever were", async () => {
  await using files = await openTestDatabase()
  const db = watched(files)
  const request = { instance: "i", now: 1 }
  for (const from of ["gone", "others", "nobody"] as const) await takeOver(db, { ...request, from })
  await takeStranded(db, request)
  await dropOwnLeases(db, "i")
  await turnsOf(db, "i")
  const ofTurns = [...db.single, ...db.batches.flat()].filter((sql) => !sql.startsWith('delete from "instances"'))
  for (const sql of ofTurns) {
    const plan = (await planOf(db, sql)).replaceAll("SCAN holders", "")
    expect(plan).not.toContain("TEMP B-TREE")
    // Both hold only what is open.
    expect(plan).toMatch(/INDEX turns_(?:held|open)/)
    expect(plan).not.toMatch(/SCAN (?!\S+ USING (?:COVERING )?INDEX turns_(?:held|open))/)
  }
})

test("appends that carry what a text needs take no step more than needed", async () => {
  await using db = await openTestDatabase()
  const chat = await openChat(db)
  const stepsOf = (append: Append) => appendStatements([[append]]).map(({ step }) => step)
  expect(stepsOf(appendOf(chat))).toEqual(["events", "sessions"])
  expect(stepsOf(questionOf(chat))).toEqual(["events", "messages", "turns", "sessions"])
  const turn = { id: newId("turn"), answer_id: newId("message") }
  expect(stepsOf(endOf(chat, turn))).toEqual(["events", "later_events", "messages", "end", "sessions"])
})
