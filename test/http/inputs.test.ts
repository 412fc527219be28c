// GET /chat/inputs and what belongs to it: whose questions are listed, in which state, with which answer.
import { expect, test } from "bun:test"
import { routes } from "../../src/protocol/rest.ts"
import { idOf, insertInput, insertMessages, insertSession, minute } from "./rows.ts"
import { type AskOptions, now, type TestApp, testApp } from "./support.ts"

const later = new Date(now + 60_000).toISOString()
const earlier = new Date(now - 60_000).toISOString()

async function list(app: TestApp, query = "", options: AskOptions = {}) {
  const { body } = await app.ask("GET", `/chat/inputs${query}`, options)
  return routes.listInputs.data.parse(body.data)
}

const idsOf = async (app: TestApp, query?: string, options?: AskOptions) =>
  (await list(app, query, options)).items.map(({ input_id }) => input_id)

/** A chat of user 1 with a question of each kind. */
async function scene() {
  const app = await testApp()
  const chat = await insertSession(app.db, { chat_id: "c1" })
  const [, , answering] = await insertMessages(app.db, chat, 3)
  if (!answering) throw new Error("there is no third message")
  const replaced = await insertInput(app.db, chat, { closed_at: minute(1) })
  const answered = await insertInput(app.db, chat, { closed_at: minute(2), answered_by: answering.id })
  const expired = await insertInput(app.db, await insertSession(app.db), { expires_at: earlier })
  const open = await insertInput(app.db, chat, { expires_at: later })
  const answer = { city: "Rome" }
  const parts = JSON.stringify([{ type: "input", input_id: answered.id, answer }])
  await app.db.client.execute({ sql: "update messages set parts = ? where id = ?", args: [parts, answering.id] })
  return { app, chat, replaced, answered, expired, open, answering, answer }
}

test("[P6.15] one's own questions are listed, the newest first, with their state and answer", async () => {
  const { app, chat, replaced, answered, expired, open, answering, answer } = await scene()
  await using _ = app
  const foreign = await insertInput(app.db, await insertSession(app.db, { user_id: 2 }))
  await insertInput(app.db, await insertSession(app.db, { deleted_at: minute(1) }))
  const { items, next_cursor } = await list(app)
  expect(next_cursor).toBeNull()
  expect(items.map(({ input_id, state }) => [input_id, state])).toEqual([
    [open.id, "open"],
    [expired.id, "closed"],
    [answered.id, "answered"],
    [replaced.id, "closed"],
  ])
  expect(items[2]).toEqual({
    ...{ input_id: answered.id, chat_id: "c1", session_id: chat.id, turn_id: answered.turn_id, prompt: "Which?" },
    ...{ fields: [], create_time: minute(0), expires_at: null, closed_at: minute(2), state: "answered" },
    ...{ answer, answered_by: answering.id },
  })
  expect(await idsOf(app, "", { user: 2 })).toEqual([foreign.id])
  const one = await app.ask("GET", `/chat/inputs/${answered.id}`)
  expect(one.body.data).toEqual({ ...items[2] })
})

test("[P6.15] they are filtered by chat and by state", async () => {
  const { app, chat, replaced, answered, expired, open } = await scene()
  await using _ = app
  expect(await idsOf(app, "?state=open")).toEqual([open.id])
  expect(await idsOf(app, "?state=answered")).toEqual([answered.id])
  expect(await idsOf(app, "?state=closed")).toEqual([expired.id, replaced.id])
  for (const ref of ["c1", chat.id]) {
    expect(await idsOf(app, `?chat_id=${ref}`)).toEqual([open.id, answered.id, replaced.id])
    expect(await idsOf(app, `?chat_id=${ref}&state=closed`)).toEqual([replaced.id])
  }
  for (const query of ["?state=waiting", "?states=open", "?chat_id=", "?limit=0", "?cursor=x"]) {
    expect((await app.ask("GET", `/chat/inputs${query}`)).body.data.code).toBe("bad_request")
  }
})

test.each([1, 2, 3, 100])("[P6.15] in pages of %d each is listed once", async (limit) => {
  await using app = await testApp()
  const ids: string[] = []
  for (let made = 0; made < 7; made++) {
    ids.unshift((await insertInput(app.db, await insertSession(app.db))).id)
    await insertInput(app.db, await insertSession(app.db, { user_id: 2 }))
  }
  const seen: string[] = []
  let cursor: string | null = ""
  while (cursor !== null) {
    const page: Awaited<ReturnType<typeof list>> = await list(app, `?limit=${limit}${cursor && `&cursor=${cursor}`}`)
    seen.push(...page.items.map(({ input_id }) => input_id))
    cursor = page.next_cursor
  }
  expect(seen).toEqual(ids)
})

test("[P6.15] an administrator lists their own, another's, or everybody's; a user theirs", async () => {
  await using app = await testApp()
  const own = await insertInput(app.db, await insertSession(app.db, { user_id: 9 }))
  const other = await insertInput(app.db, await insertSession(app.db))
  const admin = { user: 9, role: "admin" } as const
  expect(await idsOf(app, "", admin)).toEqual([own.id])
  expect(await idsOf(app, "?user_id=1", admin)).toEqual([other.id])
  expect(await idsOf(app, "?user_id=all", admin)).toEqual([other.id, own.id])
  expect((await app.ask("GET", "/chat/inputs?user_id=all")).body.data.code).toBe("forbidden")
})

test("[P4.3] [P6.15] the answer of a message that was deleted is not told", async () => {
  const { app, answered, answering } = await scene()
  await using _ = app
  const args = [minute(9), answering.id]
  await app.db.client.execute({ sql: "update messages set deleted_at = ? where id = ?", args })
  const { body } = await app.ask("GET", `/chat/inputs/${answered.id}`)
  expect(body.data).toMatchObject({ state: "answered", answer: null, answered_by: answering.id })
})

test("[P6.15] an answer goes to the chat with the caller's id, in the caller's name", async () => {
  const { app, chat, open } = await scene()
  await using _ = app
  const body = { answer: { a: [1, null] }, client_id: "mine" }
  const answer = await app.ask("POST", `/chat/inputs/${open.id}`, { body, headers: { "X-Trace-Id": "t1" } })
  expect(answer.body.data).toEqual({ seq: 1, dup: false })
  expect(app.chat.asked).toEqual([
    {
      ...{ act: "answer", trace_id: "t1", session_id: chat.id, input_id: open.id },
      ...{ answer: body.answer, client_id: "mine" },
    },
  ])
  expect((await app.ask("POST", `/chat/inputs/${open.id}`, { body })).body.data.code).toBe("no_question")
})

test.each([
  ["no answer", {}],
  ["a text that is none", '{"answer": "\\u0000"}'],
  ["half a character in a key", '{"answer": {"\\ud800": 1}}'],
  ["one that nests too deeply", `{"answer": ${"[".repeat(200)}${"]".repeat(200)}}`],
  ["one that nests far too deeply", `{"answer": ${"[".repeat(100_000)}${"]".repeat(100_000)}}`],
  ["an empty id", { answer: 1, client_id: "" }],
  ["too long an id", { answer: 1, client_id: "x".repeat(65) }],
])("[P2.5] a body with %s is refused", async (_, body) => {
  const { app, open } = await scene()
  await using _app = app
  const { status, body: refused } = await app.ask("POST", `/chat/inputs/${open.id}`, { body })
  expect([status, refused.data.code]).toEqual([400, "bad_request"])
  expect(app.chat.asked).toEqual([])
})

test("what is no id of a question is a bad request", async () => {
  await using app = await testApp()
  for (const id of ["x", idOf("ses"), "inp_", "create"]) {
    expect((await app.ask("GET", `/chat/inputs/${id}`)).body.data.code).toBe("bad_request")
  }
})
