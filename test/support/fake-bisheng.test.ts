// The fake Bisheng is as strict as the real one, else the handlers' tests would prove nothing.
import { expect, test } from "bun:test"
import { FakeBisheng } from "./fake-bisheng/server.ts"
import * as up from "./fake-bisheng/workflow-script.ts"

const workflow_id = "f460a816-edb2-488d-8ccb-701aed1c737d"
const invoke = "/api/v2/workflow/invoke"

async function post(fake: FakeBisheng, path: string, body: unknown, headers: Record<string, string> = {}) {
  const init = {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  }
  const response = await fetch(`${fake.url}${path}`, init)
  return { status: response.status, type: response.headers.get("content-type") ?? "", text: await response.text() }
}

/** The envelope's code; every business error comes with HTTP 200. */
async function codeOf(
  fake: FakeBisheng,
  path: string,
  body: unknown,
  headers?: Record<string, string>,
): Promise<unknown> {
  const { status, type, text } = await post(fake, path, body, headers)
  expect([status, type.includes("json")]).toEqual([200, true])
  return (JSON.parse(text) as { status_code: unknown }).status_code
}

test("bodies with wrong or unknown keys, missing workflows and other methods are refused with HTTP 200", async () => {
  await using fake = new FakeBisheng()
  fake.workflows.publish(workflow_id, function* () {
    yield up.outputMsg("Hi")
  })
  expect(await codeOf(fake, invoke, { workflow_id, message_id: "12" })).toBe(422)
  expect(await codeOf(fake, invoke, { workflow_id, colour: "red" })).toBe(422)
  expect(await codeOf(fake, invoke, { workflow_id: "1" })).toBe(422)
  expect(await codeOf(fake, invoke, { workflow_id: workflow_id.replace("f", "e") })).toBe(404)
  expect(await codeOf(fake, "/api/v2/workflow/stop", { workflow_id })).toBe(422)
  const { status_code } = (await (await fetch(`${fake.url}${invoke}`)).json()) as { status_code: number }
  expect(status_code).toBe(405)
})

test("an answer must have all keys and no other, for the node and the message that asked", async () => {
  await using fake = new FakeBisheng()
  fake.workflows.publish(workflow_id, function* () {
    yield up.form([up.textItem("a", "A"), up.textItem("b", "B")])
    yield up.outputMsg("Done")
  })
  const asked = await post(fake, invoke, { workflow_id })
  expect(asked.type).toContain("event-stream")
  expect(asked.text).toMatch(/^data: \{"session_id": "[0-9a-f]{32}_async_task_id", "data": \{.*"event": "input"/)
  const session_id = /"session_id": "(\w+)"/.exec(asked.text)?.[1]
  const message_id = Number(/"message_id": "(\d+)"/.exec(asked.text)?.[1])
  const about = { workflow_id, session_id, message_id }
  const node = "input_form1"
  const wrong = [
    about,
    { ...about, input: { [node]: { a: "1" } } },
    { ...about, input: { [node]: { a: "1", b: "2", c: "3" } } },
    { ...about, input: { [node]: { a: "1", b: ["2"] } } },
    { ...about, input: { other: { a: "1", b: "2" } } },
    { ...about, message_id: message_id + 1, input: { [node]: { a: "1", b: "2" } } },
  ]
  for (const body of wrong) expect(await codeOf(fake, invoke, body)).toBe(500)
  const done = await post(fake, invoke, { ...about, input: { [node]: { a: "1", b: "2" } } })
  expect(done.text).toContain('"event": "output_msg"')
  expect(done.text).toContain('"event": "close"')
  // Over: the same id begins again.
  expect((await post(fake, invoke, { workflow_id, session_id })).text).toContain('"event": "input"')
})

test("two readers of one run split its events between them", async () => {
  await using fake = new FakeBisheng()
  const opened = Promise.withResolvers<void>()
  fake.workflows.publish(workflow_id, function* () {
    yield { wait: opened.promise }
    for (let number = 0; number < 20; number++) yield up.delta(`<${number}>`)
  })
  const one = post(fake, invoke, { workflow_id })
  await fake.when(() => fake.workflows.readers === 1, "the first reader")
  const session_id = fake.workflows.runs[0]?.id
  const two = post(fake, invoke, { workflow_id, session_id })
  await fake.when(() => fake.workflows.readers === 2, "the second reader")
  opened.resolve()
  const texts = [(await one).text, (await two).text]
  for (let number = 0; number < 20; number++) {
    expect(texts.filter((text) => text.includes(`<${number}>`)).length).toBe(1)
  }
})

test("the workbench wants its cookie, and takes no other body than its own", async () => {
  await using fake = new FakeBisheng()
  const path = "/api/v1/linsight/workbench/start-execute"
  expect((await post(fake, path, { linsight_session_version_id: "1" })).status).toBe(401)
  const headers = { cookie: `access_token_cookie=${fake.linsight.token}` }
  expect(await codeOf(fake, path, { session_version_id: "1" }, headers)).toBe(422)
  expect(await codeOf(fake, path, { linsight_session_version_id: "1" }, headers)).toBe(404)
})
