// One person with two tokens: what was said as an administrator is not there for the same person as a user.
import { expect, test } from "bun:test"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer, type TestServer } from "../support/server.ts"

const text = (words: string, policy: "merge" | "enqueue" = "enqueue") =>
  ({ type: "message", data: { kind: "text", text: words, policy } }) as const

async function scene(flows: { flow_id: string; handler: string; allow?: { roles: string[] } }[]) {
  const bots = { office: scriptedHandler("office"), desk: scriptedHandler("desk") }
  const handlers = { office: bots.office.handler, desk: bots.desk.handler }
  const server = await startTestServer({ handlers, flows })
  const admin = await server.connect({ chat: "c1", role: "admin" })
  return { ...bots, server, admin, user: await server.connect({ chat: "c1" }) }
}

/** The office for administrators, in the same flow the desk for everybody else. */
const both = () =>
  scene([
    { flow_id: "*", handler: "office", allow: { roles: ["admin"] } },
    { flow_id: "*", handler: "desk" },
  ])

async function linkOf(server: TestServer, input_id: string, role: "admin" | "user") {
  const init = { method: "POST", body: "{}", headers: { "content-type": "application/json" }, role }
  const { data } = (await (await server.fetch(`/chat/inputs/${input_id}/link`, init)).json()) as {
    data: { url: string }
  }
  return data.url
}

const fillIn = (url: string) => fetch(url, { method: "POST", body: new URLSearchParams({ f0: "yes" }) })

test("[P6.15, P6.21] a link answers in the role in which it was made, also where the bot is for administrators only", async () => {
  const { server, office, admin } = await scene([{ flow_id: "*", handler: "office", allow: { roles: ["admin"] } }])
  await using _ = server
  await admin.ask(text("begin"))
  void (await office.run()).yield({ type: "question", prompt: "Sure?" })
  const { question } = (await admin.next("end")).data
  expect((await fillIn(await linkOf(server, question?.input_id ?? "", "user"))).status).toBe(404)
  expect((await fillIn(await linkOf(server, question?.input_id ?? "", "admin"))).status).toBe(200)
  expect((await office.run()).context.message.message).toBe("yes")
})

test("[P6.21] a question of a bot that one may not use is not there: a text is for the other bot, an answer is refused", async () => {
  const { server, office, desk, admin, user } = await both()
  await using _ = server
  await admin.ask(text("begin"))
  void (await office.run()).yield({ type: "question", prompt: "Sure?" })
  const { question } = (await admin.next("end")).data
  const input = { type: "message", data: { kind: "input", answer: "yes" } } as const
  expect(await user.ask(input)).toMatchObject({ type: "error", data: { code: "no_question" } })
  expect((await fillIn(await linkOf(server, question?.input_id ?? "", "user"))).status).toBe(409)
  await user.ask(text("yes"))
  const { message } = (await desk.run()).context
  expect(message).toMatchObject({ kind: "text", message: "yes", parts: [] })
  await admin.ask(input)
  expect([office.runs, desk.runs]).toEqual([1, 1])
})

test("[P6.21] what was said as an administrator is neither asked again nor rewritten nor joined by a user", async () => {
  const { server, office, desk, admin, user } = await both()
  await using _ = server
  await admin.ask(text("one"))
  const first = await office.run()
  const { data: one } = await admin.next("message")
  await admin.ask(text("two"))
  const { data: two } = await admin.next("message")
  const edit = { kind: "edit", message_id: two.id, text: "mine now" } as const
  expect(await user.ask({ type: "message", data: edit })).toMatchObject({ data: { code: "not_found" } })
  await user.ask(text("three", "merge"))
  for (const run of [first, office.run(), desk.run()]) {
    await (await run).say("!")
    ;(await run).done()
    await admin.next("end")
  }
  for (const message_id of [one.id, two.id]) {
    const again = { type: "message", data: { kind: "regenerate", message_id } } as const
    expect(await user.ask(again)).toMatchObject({ type: "error", data: { code: "not_found" } })
  }
  await user.ask({ type: "message", data: { kind: "switch", message_id: one.id } })
  await user.ask({ type: "message", data: { kind: "command", command: "/retry" } })
  const { data: reply } = await user.next("result", ({ data }) => data.turn_id === null)
  expect(reply.message).toBe("There is nothing to answer once more.")
  expect([office.runs, desk.runs]).toEqual([2, 1])
  await admin.ask({ type: "message", data: { kind: "regenerate", message_id: one.id } })
  expect((await office.run()).context.message.message).toBe("one")
})
