// kill -9 of a service whose workflow is at work, or waits for a form: another process goes on, each node's work is done once, and
// there is one answer.
import { expect, test } from "bun:test"
import { join } from "node:path"
import { resolveSecret } from "../../src/auth/secret.ts"
import { issueToken } from "../../src/auth/token.ts"
import { systemClock } from "../../src/clock.ts"
import { TestClient } from "../support/client.ts"
import { effectsIn } from "../support/graphs/effects.ts"
import { type ServiceProcess, startService, temporaryFolder } from "../support/process.ts"

async function start(folder: string, name: string, config: object): Promise<ServiceProcess> {
  const graph = join(import.meta.dir, `../support/graphs/${name}.ts`)
  const options = { graph, config: { file: join(folder, "effects"), ...config } }
  const path = join(folder, "config.yaml")
  await Bun.write(path, JSON.stringify({ flows: [{ chat_type: "WORKFLOW", handler: "graph", options }] }))
  return startService({ env: { DATA_DIR: folder, CHAT_CONFIG: path, LOG_LEVEL: "warn" } })
}

async function connect(service: ServiceProcess, folder: string): Promise<TestClient> {
  const secret = await resolveSecret({ jwt_secret: undefined, data_dir: folder })
  const token = await issueToken(secret, { user_id: 1, role: "user", ttl_s: 600 }, systemClock)
  return new TestClient(`${service.url.replace(/^http/, "ws")}/chat/default?chat_id=c1&chat_type=WORKFLOW`, token)
}

async function kill(service: ServiceProcess, client: TestClient): Promise<void> {
  service.kill("SIGKILL")
  await client.closed
  await service.exited
}

for (const node of ["one", "two", "three"]) {
  test(`[P6.9] kill -9 in node ${node}: the others' work is done once, the answer is one and whole`, async () => {
    await using folder = await temporaryFolder()
    await using first = await start(folder.path, "line", { hangs: node })
    const client = await connect(first, folder.path)
    await client.say("go", "m1")
    await client.next("progress", ({ data }) => data.kind === "text" && data.text.includes(`${node}: `))
    await kill(first, client)

    await using second = await start(folder.path, "line", { hangs: node })
    const back = await connect(second, folder.path)
    await back.join({ cursor: 0 })
    await back.seen(3)
    const end = back.events.find(({ type }) => type === "end")
    expect(end).toMatchObject({ seq: 3, data: { state: "completed", reason: "done" } })
    const results = back.events.flatMap((frame) => (frame.type === "result" ? [frame.data] : []))
    expect(results.map(({ message }) => message)).toEqual([
      "one: one is done. two: two is done. three: three is done. All: one,two,three.",
    ])
    expect(results[0]?.parts.map((part) => (part.type === "step" ? `${part.name} ${part.state}` : part.type))).toEqual([
      ...["one completed", "two completed", "three completed"],
    ])
    const effects = effectsIn(join(folder.path, "effects"))
    expect(effects.filter((effect) => !effect.includes("begun"))).toEqual(["one", "two", "three"])
    expect(effects.filter((effect) => effect === `${node} begun`).length).toBe(2)
    expect(second.log).toEqual([])
  }, 20_000)
}

test("[P6.7] [P6.9] kill -9 beside a node that is done, and again while a question waits: nothing is done twice, nothing lost", async () => {
  await using folder = await temporaryFolder()
  const effects = () => effectsIn(join(folder.path, "effects"))
  await using first = await start(folder.path, "fork", { hangs: "middle" })
  const client = await connect(first, folder.path)
  await client.say("go", "m1")
  // What a node did is stored before it is told that it is done; the one beside it is in the middle of its work.
  await client.next(
    "progress",
    ({ data }) => data.kind === "step" && data.step.name === "right" && data.step.state === "completed",
  )
  await client.settled()
  await kill(first, client)

  await using second = await start(folder.path, "fork", { hangs: "middle" })
  const back = await connect(second, folder.path)
  await back.join({ cursor: 0 })
  await back.seen(3)
  const asked = back.events.flatMap((frame) => (frame.type === "end" ? [frame.data] : []))[0]
  expect(asked).toMatchObject({ state: "waiting_input", question: { prompt: "Which color?" } })
  expect(effects().filter((effect) => effect === "right")).toEqual(["right"])
  const answer = (client: TestClient, answer: string | { color: string }) =>
    client.ask({ type: "message", data: { kind: "input", answer } })
  await answer(back, { color: "red" })
  const { data: size } = await back.next("end", ({ data }) => data.question?.prompt !== "Which color?")
  expect(size.question?.prompt).toBe("Which size?")
  await kill(second, back)

  await using third = await start(folder.path, "fork", {})
  const last = await connect(third, folder.path)
  const [joined] = await last.join({ cursor: 0 })
  expect(joined?.data).toMatchObject({ question: size.question })
  for (const [said, prompt] of [
    ["XL", "Whose name?"],
    ["Ada", "Is it Ada?"],
    ["yes", undefined],
  ] as const) {
    await answer(last, said)
    await last.next("end", ({ data }) => data.question?.prompt === prompt)
  }
  const texts = last.events.flatMap((frame) => (frame.type === "result" ? [frame.data.message] : []))
  expect(texts).toEqual([
    ...["right speaks. ", "", "within. ", ""],
    'Said: ["left {\\"color\\":\\"red\\"}","middle XL","right","named Ada yes"]',
  ])
  for (const name of ["left", "right", "within", "named"])
    expect(effects().filter((effect) => effect === name)).toEqual([name])
  expect(third.log).toEqual([])
}, 30_000)
