// What is wrong with a configuration: all of it at once, each fault with the name that has to be corrected.
import { expect, test } from "bun:test"
import { join } from "node:path"
import { ConfigError, type Environment, loadConfig } from "../src/config.ts"
import { temporaryFolder } from "./support/process.ts"

function faultsOf(environment: Environment): readonly string[] {
  try {
    loadConfig(environment)
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
  return []
}

async function faultsIn(yaml: string, environment: Environment = {}): Promise<readonly string[]> {
  await using folder = await temporaryFolder()
  const path = join(folder.path, "chat.yaml")
  await Bun.write(path, yaml)
  return faultsOf({ ...environment, CHAT_CONFIG: path }).map((fault) => fault.replace(path, "FILE"))
}

const namesOf = (faults: readonly string[]) => faults.map((fault) => fault.split(":")[0])

test("titles by a model need a model", async () => {
  expect(faultsOf({ CHAT_AUTO_TITLE: "model" })).toEqual([
    "CHAT_AUTO_TITLE: model needs one: set model.base_url (or MODEL_BASE_URL)",
  ])
  expect(faultsOf({ CHAT_AUTO_TITLE: "model", MODEL_BASE_URL: "http://m.test/v1" })).toEqual([])
  expect(namesOf(await faultsIn("chat: { auto_title: sometimes }"))).toEqual(["chat.auto_title"])
})

test("every fault is named at once, by the variable", () => {
  const faults = faultsOf({
    ...{ PORT: "70000", HOST: "  ", DATABASE_URL: "mysql://x", DATABASE_REPLICA_URL: "file:x", NATS_URL: "http://n" },
    ...{
      JWT_SECRET: "short",
      MODEL_BASE_URL: "ftp://m",
      LOG_LEVEL: "loud",
      CHAT_RATE_LIMIT: "0",
      CHAT_RATE_BURST: "many",
    },
  })
  expect(namesOf(faults).toSorted()).toEqual([
    ...[
      "CHAT_RATE_BURST",
      "CHAT_RATE_LIMIT",
      "DATABASE_REPLICA_URL",
      "DATABASE_URL",
      "HOST",
      "JWT_SECRET",
      "LOG_LEVEL",
    ],
    ...["MODEL_BASE_URL", "NATS_URL", "PORT"],
  ])
})

test("every fault is named at once, by the path in the file, and by the variable where that was it", async () => {
  const faults = await faultsIn(
    "port: high\nchat: { rate_limit: -1, drain_timeout: 301 }\nflows: [{ flow_id: 'a b' }, { handler: echo, chat_type: CHAT }]",
    { CHAT_DRAIN_TIMEOUT: "302" },
  )
  expect(namesOf(faults).toSorted()).toEqual([
    ...["CHAT_DRAIN_TIMEOUT", "chat.rate_limit", "flows.0.flow_id", "flows.0.handler", "flows.1.chat_type", "port"],
  ])
})

test("the message has them all, a line each", () => {
  expect(() => loadConfig({ PORT: "x" })).toThrow(/^The configuration has a fault:\n {2}PORT: [^\n]+$/)
  expect(() => loadConfig({ PORT: "x", HOST: " " })).toThrow(
    /^The configuration has 2 faults:\n {2}[^\n]+\n {2}[^\n]+$/,
  )
})

test("a key that there is not is named, with where it is", async () => {
  const faults = await faultsIn(
    "prot: 1\nchat: { max_lenght: 1, rate: 2 }\ndatabase: { path: x }\nmodel: { key: x }\nflows: [{ handler: echo, flow: x }]",
  )
  expect(faults.toSorted()).toEqual(
    ["prot", "chat.max_lenght", "chat.rate", "database.path", "model.key", "flows.0.flow"]
      .map((name) => `${name}: there is no such key`)
      .toSorted(),
  )
})

test("what is no number is not taken for one", async () => {
  for (const value of ["true", "[5]", "{}", "x5", "'  '", "0x"]) {
    expect(namesOf(await faultsIn(`port: ${value}\nchat: { heartbeat_interval: ${value} }`)).toSorted()).toEqual([
      ...["chat.heartbeat_interval", "port"],
    ])
  }
  for (const value of [" ", "NaN", "Infinity", "1,5", "5s", "1 000"])
    expect(namesOf(faultsOf({ CHAT_HEARTBEAT_INTERVAL: value }))).toEqual(["CHAT_HEARTBEAT_INTERVAL"])
})

test("counts are whole, times are above zero, and both have an end", () => {
  const wrong = {
    ...{ CHAT_MAX_MESSAGE_LENGTH: ["0", "1.5", "1000001"], CHAT_MAX_HISTORY_MESSAGES: ["0", "1001"] },
    ...{
      CHAT_HEARTBEAT_INTERVAL: ["0", "-1", "86401"],
      CHAT_MAX_FRAME_BYTES: ["1048577"],
      PORT: ["-1", "1.5", "65536"],
    },
    ...{ CHAT_DRAIN_TIMEOUT: ["-1", "301"], CHAT_RATE_LIMIT: ["0"], CHAT_MAX_QUEUED_TURNS: ["0", "1001"] },
  }
  for (const [name, values] of Object.entries(wrong))
    for (const value of values) expect(namesOf(faultsOf({ [name]: value }))).toEqual([name])
})

test("a secret must have 32 bytes, however many characters they are, and is never shown", () => {
  expect(faultsOf({ JWT_SECRET: "x".repeat(31) })).toEqual(["JWT_SECRET: must have at least 32 bytes"])
  expect(faultsOf({ JWT_SECRET: "x".repeat(32) })).toEqual([])
  expect(faultsOf({ JWT_SECRET: "中".repeat(11) })).toEqual([])
  const faults = faultsOf({ JWT_SECRET: "hidden", MODEL_API_KEY: " ", DATABASE_URL: "mysql://user:hidden@db" })
  expect(faults.join()).not.toContain("hidden")
})

test("a file that cannot be read, is not YAML or is no mapping is named with what is wrong", async () => {
  expect(faultsOf({ CHAT_CONFIG: "/none/chat.yaml" })).toEqual([
    expect.stringMatching(/^CHAT_CONFIG: \/none\/chat\.yaml cannot be read: ENOENT/),
  ])
  expect(await faultsIn("port: [1")).toEqual([
    expect.stringMatching(/^CHAT_CONFIG: FILE cannot be read: YAML Parse error/),
  ])
  for (const yaml of ["- 1\n- 2", "just words", "5", "a: 1\n---\nb: 2"])
    expect(await faultsIn(yaml)).toEqual(["CHAT_CONFIG: FILE is not a YAML mapping"])
})

test("a group that is no mapping is named, also when a variable would go into it", async () => {
  expect(
    namesOf(await faultsIn("chat: [1]\nmodel: 7\ndatabase: x", { CHAT_RATE_LIMIT: "5", MODEL_NAME: "x" })),
  ).toEqual([...["database", "model", "chat"]])
})
