import { expect, test } from "bun:test"
import { routes } from "../../src/protocol/rest.ts"
import { messages, sessions } from "../../src/store/schema.ts"
import { ofOneFile, ofOneInput, ofOneSession } from "./every-route.ts"
import { idOf, insertInput, insertMessages, insertSession, insertTurn, minute } from "./rows.ts"
import { testApp } from "./support.ts"

const headers = { "X-Trace-Id": "same" }

test("every route that takes a session, a question or a file is in a table of these tests", () => {
  const taking = Object.entries(routes).filter(
    ([, route]) => "errors" in route && route.errors.some((code) => code === "not_found") && !("open" in route),
  )
  const asked = [ofOneSession, ofOneInput, ofOneFile].flatMap((table) => Object.keys(table))
  expect(asked.toSorted()).toEqual(taking.map(([name]) => name).toSorted())
})

test.each(Object.keys(ofOneSession))(
  "[P9.2] for %s a foreign session and a missing one are the same, byte for byte",
  async (name) => {
    await using app = await testApp()
    const foreign = await insertSession(app.db, { user_id: 2, chat_id: "theirs" })
    const [message] = await insertMessages(app.db, foreign, 1)
    await insertTurn(app.db, foreign, { state: "running" })
    const ask = async (ref: string) => {
      const asked = ofOneSession[name]?.(ref, message?.id) ?? expect.unreachable()
      const { status, text, headers: sent } = await app.ask(asked.method, asked.path, { body: asked.body, headers })
      return { status, text, sent: [...sent] }
    }
    const missing = await ask(idOf("ses"))
    expect(missing.status).toBe(404)
    expect(await ask(foreign.id)).toEqual(missing)
    expect(await ask("theirs")).toEqual(await ask("nobodys"))
    expect(await ask("theirs")).toEqual(missing)
    expect(app.chat.asked).toEqual([])
    expect(await app.db.orm.select().from(sessions)).toMatchObject([{ deleted_at: null, topic: null }])
    expect(await app.db.orm.select().from(messages)).toMatchObject([{ deleted_at: null }])
  },
)

test.each(Object.keys(ofOneSession))(
  "for %s a user who names another user is forbidden to, whether that one exists or not",
  async (name) => {
    await using app = await testApp()
    await insertSession(app.db, { user_id: 2, chat_id: "theirs" })
    const own = await insertSession(app.db)
    for (const [ref, user_id] of [
      ["theirs", 2],
      [own.id, 2],
      ["theirs", 3],
    ] as const) {
      const { method, path, body } = ofOneSession[name]?.(ref) ?? expect.unreachable()
      const { status, body: refusal } = await app.ask(
        method,
        `${path}${path.includes("?") ? "&" : "?"}user_id=${user_id}`,
        { body },
      )
      expect([status, refusal.data.code]).toEqual([403, "forbidden"])
    }
    expect(app.chat.asked).toEqual([])
  },
)

test.each(Object.keys(ofOneSession))(
  "for %s an administrator reaches any session by its id, and by its name with user_id",
  async (name) => {
    for (const [ref, user_id, status] of [
      ["id", undefined, 200],
      ["id", 2, 200],
      ["id", 3, 404],
      ["theirs", 2, 200],
      ["theirs", 3, 404],
      ["theirs", undefined, 404],
    ] as const) {
      await using app = await testApp()
      const foreign = await insertSession(app.db, { user_id: 2, chat_id: "theirs" })
      const [message] = await insertMessages(app.db, foreign, 1)
      const { method, path, body } =
        ofOneSession[name]?.(ref === "id" ? foreign.id : ref, message?.id) ?? expect.unreachable()
      const whose = user_id === undefined ? "" : `${path.includes("?") ? "&" : "?"}user_id=${user_id}`
      const answer = await app.ask(method, `${path}${whose}`, { body, user: 9, role: "admin" })
      expect([ref, user_id, answer.status]).toEqual([ref, user_id, status])
    }
  },
)

test("an administrator who names a chat means their own; with user_id, that user's", async () => {
  await using app = await testApp()
  const own = await insertSession(app.db, { user_id: 9, chat_id: "main" })
  const other = await insertSession(app.db, { user_id: 2, chat_id: "main" })
  const admin = { user: 9, role: "admin" } as const
  expect((await app.ask("GET", "/chat/session/main", admin)).body.data.id).toBe(own.id)
  expect((await app.ask("GET", "/chat/session/main?user_id=2", admin)).body.data.id).toBe(other.id)
  expect((await app.ask("GET", "/chat/session/main?user_id=9", admin)).body.data.id).toBe(own.id)
})

test("a chat that a user called like a foreign session_id does not lead an administrator astray", async () => {
  await using app = await testApp()
  const real = await insertSession(app.db, { user_id: 2 })
  await insertSession(app.db, { user_id: 3, chat_id: real.id })
  const { body } = await app.ask("GET", `/chat/session/${real.id}`, { user: 9, role: "admin" })
  expect(body.data.user_id).toBe(2)
})

test.each(Object.keys(ofOneInput))(
  "[P9.2] [P6.15] for %s a question in a foreign chat and a missing one are the same, byte for byte",
  async (name) => {
    await using app = await testApp()
    const foreign = await insertInput(app.db, await insertSession(app.db, { user_id: 2 }))
    const gone = await insertInput(app.db, await insertSession(app.db, { deleted_at: minute(1) }))
    const ask = async (input_id: string) => {
      const { method, path, body } = ofOneInput[name]?.(input_id) ?? expect.unreachable()
      const { status, text, headers: sent } = await app.ask(method, path, { body, headers })
      return { status, text, sent: [...sent] }
    }
    const missing = await ask(idOf("inp"))
    expect(missing.status).toBe(404)
    expect(await ask(foreign.id)).toEqual(missing)
    expect(await ask(gone.id)).toEqual(missing)
    expect(app.chat.asked).toEqual([])
  },
)

test("[P6.15] an administrator reads anybody's question; answered, and passed on, it is by the chat's owner alone", async () => {
  await using app = await testApp()
  const input = await insertInput(app.db, await insertSession(app.db, { user_id: 2 }))
  const admin = { user: 9, role: "admin" } as const
  for (const [name, status] of [
    ["getInput", 200],
    ["linkInput", 404],
    ["answerInput", 404],
  ] as const) {
    const { method, path, body } = ofOneInput[name]?.(input.id) ?? expect.unreachable()
    expect([name, (await app.ask(method, path, { ...admin, body })).status]).toEqual([name, status])
    expect([name, (await app.ask(method, path, { user: 2, body })).status]).toEqual([name, 200])
  }
  expect((await app.ask("GET", `/chat/inputs/${input.id}?user_id=3`, admin)).status).toBe(404)
  expect((await app.ask("GET", `/chat/inputs/${input.id}?user_id=2`)).status).toBe(403)
})
