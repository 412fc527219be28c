// The service dies while a Bisheng workflow is at work, without a word: nothing is glued together, and nothing is read twice.
import { expect, test } from "bun:test"
import { join } from "node:path"
import { resolveSecret } from "../../src/auth/secret.ts"
import { issueToken } from "../../src/auth/token.ts"
import { systemClock } from "../../src/clock.ts"
import { TestClient } from "../support/client.ts"
import { FakeBisheng } from "../support/fake-bisheng/server.ts"
import * as up from "../support/fake-bisheng/workflow-script.ts"
import { type ServiceProcess, startService, temporaryFolder } from "../support/process.ts"

const workflow_id = "f460a816edb2488d8ccb701aed1c737d"

async function start(folder: string, flow: object): Promise<ServiceProcess> {
  const config = join(folder, "config.yaml")
  await Bun.write(config, JSON.stringify({ flows: [flow] }))
  return startService({ env: { DATA_DIR: folder, CHAT_CONFIG: config, LOG_LEVEL: "warn" } })
}

async function connect(service: ServiceProcess, folder: string, chat_type: string): Promise<TestClient> {
  const secret = await resolveSecret({ jwt_secret: undefined, data_dir: folder })
  const token = await issueToken(secret, { user_id: 1, role: "user", ttl_s: 600 }, systemClock)
  return new TestClient(`${service.url.replace(/^http/, "ws")}/chat/default?chat_id=c1&chat_type=${chat_type}`, token)
}

test("[P4.5] kill -9 while a workflow streams: its turn ends as instance_lost with its own words; its run is stopped before the next begins", async () => {
  await using folder = await temporaryFolder()
  await using fake = new FakeBisheng()
  const opened = Promise.withResolvers<void>()
  fake.workflows.publish(workflow_id, function* () {
    const { user_input } = yield up.dialog()
    yield up.delta(`${user_input}: first half, `)
    yield { wait: opened.promise }
    yield up.delta("second half")
    yield up.streamEnd(`${user_input}: first half, second half`)
  })
  const options = { base_url: fake.url, workflow_id }
  const flow = { flow_id: "*", chat_type: "WORKFLOW", handler: "bisheng_workflow", options }
  await using first = await start(folder.path, flow)
  const client = await connect(first, folder.path, "WORKFLOW")
  await client.say("one", "m1")
  await client.next("progress", ({ data }) => data.kind === "text")
  first.kill("SIGKILL")
  await first.exited
  await using second = await start(folder.path, flow)
  const back = await connect(second, folder.path, "WORKFLOW")
  await back.join({ cursor: 0 })
  await back.settled()
  const end = back.events.find(({ type }) => type === "end")
  expect(end?.data).toMatchObject({ state: "interrupted", reason: "instance_lost" })
  const kept = back.events.find(({ type }) => type === "result")
  // What was kept is at most a second old; it may be nothing, and is never of another run.
  expect("one: first half, ".startsWith(String(kept?.type === "result" ? kept.data.message : ""))).toBe(true)
  expect(fake.workflows.runs).toMatchObject([{ status: "running" }])

  const [old] = fake.workflows.runs
  opened.resolve()
  const { data } = await back
    .say("two", "m2")
    .then(() => back.next("result", ({ data }) => data.message?.startsWith("two") === true))
  expect(data.message).toBe("two: first half, second half")
  expect(fake.sent("/api/v2/workflow/stop")).toEqual([{ workflow_id, session_id: old?.id }])
  expect(fake.workflows.runs.length).toBe(2)
}, 20_000)

test("[P6.9] kill -9 while Linsight works: after the restart the work is told of as it is, once, and it is the same work", async () => {
  await using folder = await temporaryFolder()
  await using fake = new FakeBisheng()
  const opened = Promise.withResolvers<void>()
  fake.linsight.publish(async (run) => {
    run.generate([{ id: "t1", name: "Look" }])
    run.start("t1")
    run.think("t1", "thinking:1", "First thought. ")
    run.step("t1", { call_id: "c1", name: "search", status: "end", output: "found" })
    await opened.promise
    run.think("t1", "thinking:2", "Second thought.")
    run.step("t1", { call_id: "c2", name: "write", status: "end", output: "ok" })
    run.end("t1", "done")
    run.finish(`Answer to ${run.said}`)
  })
  const options = { base_url: fake.url, cookie_token: fake.linsight.token }
  const flow = { flow_id: "*", chat_type: "LINSIGHT", handler: "bisheng_linsight", options }
  await using first = await start(folder.path, flow)
  const client = await connect(first, folder.path, "LINSIGHT")
  await client.say("question", "m1")
  await client.next("progress", ({ data }) => data.kind === "tool")
  first.kill("SIGKILL")
  await first.exited
  await fake.when(() => fake.linsight.readers === 0, "the old reader to be gone")
  // What happens meanwhile goes to nobody; Bisheng's rows have it.
  opened.resolve()
  await fake.when(() => !fake.linsight.running, "the work to end")
  for (const run of fake.linsight.runs) run.events.length = 0
  await using second = await start(folder.path, flow)
  const back = await connect(second, folder.path, "LINSIGHT")
  await back.join({ cursor: 0 })
  await back.seen(4)
  const result = back.events.find(({ type }) => type === "result")
  if (result?.type !== "result") throw new Error("there is no answer")
  expect(result.data).toMatchObject({ message: "Answer to question", state: "completed" })
  const parts = result.data.parts.map((part) =>
    "text" in part ? part.text : "tool_call_id" in part ? part.tool_call_id : part.type,
  )
  expect(parts).toEqual(["First thought. Second thought.", "step", "c1", "c2"])
  expect(back.events.filter(({ type }) => type === "end")).toMatchObject([{ data: { state: "completed" } }])
  for (const name of ["submit", "start-execute"]) {
    expect(fake.sent(`/api/v1/linsight/workbench/${name}`).length).toBe(1)
  }
  expect(`${first.err}${second.err}`).not.toContain(fake.linsight.token)
}, 20_000)
