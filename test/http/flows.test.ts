// GET /chat/flows on a real service: what the caller may use, and nothing of what they may not.
import { expect, test } from "bun:test"
import { z } from "zod"
import { defineHandler } from "../../src/handlers/handler.ts"
import { Flow } from "../../src/protocol/rest-flows.ts"
import { startTestServer, type TestServer } from "../support/server.ts"

const bot = defineHandler({
  name: "bot",
  description: "For tests.",
  options: z.looseObject({}),
  commands: [
    { name: "sum", description: "adds numbers" },
    { name: "help", description: "the service's own comes first" },
  ],
  async *run() {
    yield { type: "text", text: "said" }
  },
})

const flows = [
  { flow_id: "desk", handler: "bot", kinds: ["file"], allow: { users: [7] }, name: "Papers", policy: "reject" },
  { flow_id: "desk", handler: "bot", description: "The desk.", guide: { words: "Hello!", questions: ["Who?"] } },
  { flow_id: "lab-*", handler: "bot", chat_type: "WORKFLOW", allow: { roles: ["admin"] }, options: { key: "sk-9" } },
]
const start = () => startTestServer({ handlers: { bot }, flows })

async function listed(server: TestServer, user: number, role: "user" | "admin" = "user", query = ""): Promise<Flow[]> {
  const response = await server.fetch(`/chat/flows${query}`, { user, role })
  expect(response.status).toBe(200)
  const body = await response.json()
  expect(JSON.stringify(body)).not.toContain("sk-9")
  return z.object({ data: z.strictObject({ items: z.array(Flow) }) }).parse(body).data.items
}

test("everybody sees what they may use, by number or role, in the order of the configuration", async () => {
  await using server = await start()
  const seen = async (user: number, role: "user" | "admin" = "user") =>
    (await listed(server, user, role)).map(({ flow_id, name }) => [flow_id, name])
  expect(await seen(1)).toEqual([["desk", null]])
  expect(await seen(7)).toEqual([
    ["desk", "Papers"],
    ["desk", null],
  ])
  expect(await seen(1, "admin")).toEqual([
    ["desk", null],
    ["lab-*", null],
  ])
})

test("a flow is shown with its guide, its kinds, its policy and its commands; the service's own come first", async () => {
  await using server = await start()
  const [papers, desk] = await listed(server, 7)
  expect(desk).toMatchObject({
    ...{ flow_id: "desk", chat_type: "NORMAL", description: "The desk.", policy: "enqueue" },
    ...{ guide: { words: "Hello!", questions: ["Who?"] }, kinds: ["text", "file", "command", "input"] },
  })
  expect(desk?.commands.filter(({ of_bot }) => of_bot)).toEqual([
    { name: "sum", usage: "/sum", description: "adds numbers", of_bot: true },
  ])
  expect(desk?.commands[0]).toMatchObject({ name: "help", of_bot: false })
  expect(papers).toMatchObject({ description: "For tests.", kinds: ["file"], policy: "reject" })
  // It takes no commands, so those of its bot cannot be said there.
  expect(papers?.commands.some(({ of_bot }) => of_bot)).toBe(false)
})

test("the sentences are in the caller's language", async () => {
  await using server = await start()
  const [desk] = await listed(server, 1, "user", "?lang=zh")
  expect(desk?.commands[0]?.description).toMatch(/\p{Script=Han}/u)
})

test("without any flow configured the default ones are shown", async () => {
  await using server = await startTestServer()
  expect((await listed(server, 1)).map(({ flow_id, chat_type }) => `${flow_id} ${chat_type}`)).toContain("* NORMAL")
})
