// Where a value comes from: defaults, then the YAML file, then the environment.
import { expect, test } from "bun:test"
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import { type Environment, loadConfig, unknownVariables } from "../src/config.ts"
import { createRegistry } from "../src/handlers/registry.ts"
import { ChatConfig, Config } from "../src/settings.ts"
import { temporaryFolder } from "./support/process.ts"

/** Loads the file's text and the environment. */
async function load(yaml: string, environment: Environment = {}): Promise<Readonly<Config>> {
  await using folder = await temporaryFolder()
  const path = join(folder.path, "chat.yaml")
  await Bun.write(path, yaml)
  return loadConfig({ ...environment, CHAT_CONFIG: path })
}

test("without anything, the configuration is the seed's defaults", () => {
  const { chat, files, ...rest } = loadConfig({})
  expect(chat).toMatchObject({
    ...{ max_message_length: 10_000, max_history_messages: 50, heartbeat_interval: 30 },
    ...{ connection_timeout: 300, max_concurrent_sessions: 1000 },
  })
  expect(files).toMatchObject({ storage: "disk", max_bytes: 20_971_520, max_files_per_user: 1000 })
  expect(rest).toEqual({
    ...{ host: "127.0.0.1", port: 3000, data_dir: "data", database: {}, model: { name: "default" }, log_level: "info" },
  })
})

test("the chat keys that the seed does not have, have defaults as well", () => {
  const { chat } = loadConfig({})
  expect(Object.keys(chat).toSorted()).toEqual(Object.keys(ChatConfig.shape).toSorted())
  expect(chat).toMatchObject({ max_frame_bytes: 131_072, max_queued_turns: 20, drain_timeout: 20, allowed_origins: [] })
})

/** Variable, the same in YAML, what comes of the one and of the other, and where. */
const kinds: [name: string, value: string, yaml: string, path: string, fromEnvironment: unknown, fromFile: unknown][] =
  [
    ["HOST", "0.0.0.0", "host: '::1'", "host", "0.0.0.0", "::1"],
    ["PORT", "0", "port: 8080", "port", 0, 8080],
    [
      "PUBLIC_URL",
      "https://a.test/x",
      "public_url: 'http://b.test'",
      "public_url",
      "https://a.test/x",
      "http://b.test",
    ],
    ["DATA_DIR", "/var/x", "data_dir: ./y", "data_dir", "/var/x", "./y"],
    [
      "DATABASE_URL",
      "libsql://db.test",
      "database: { url: 'file:x.db' }",
      "database.url",
      "libsql://db.test",
      "file:x.db",
    ],
    ["DATABASE_AUTH_TOKEN", "t1", "database: { auth_token: t2 }", "database.auth_token", "t1", "t2"],
    [
      "DATABASE_REPLICA_URL",
      "http://r",
      "database: { replica_url: 'libsql://s' }",
      "database.replica_url",
      "http://r",
      "libsql://s",
    ],
    ["NATS_URL", "tls://n", "nats_url: 'nats://m'", "nats_url", "tls://n", "nats://m"],
    ["JWT_SECRET", "e".repeat(32), `jwt_secret: ${"f".repeat(32)}`, "jwt_secret", "e".repeat(32), "f".repeat(32)],
    [
      "MODEL_BASE_URL",
      "https://m.test/v1",
      "model: { base_url: 'http://n.test/v1' }",
      "model.base_url",
      "https://m.test/v1",
      "http://n.test/v1",
    ],
    ["MODEL_API_KEY", "k1", "model: { api_key: k2 }", "model.api_key", "k1", "k2"],
    ["MODEL_NAME", "big", "model: { name: small }", "model.name", "big", "small"],
    ["LOG_LEVEL", "debug", "log_level: warn", "log_level", "debug", "warn"],
    ["FILES_MAX_BYTES", "5", "files: { max_bytes: '6' }", "files.max_bytes", 5, 6],
    [
      "FILES_TYPES",
      "image/*, text/plain",
      "files: { types: [image/png] }",
      "files.types",
      ["image/*", "text/plain"],
      ["image/png"],
    ],
    ["CHAT_HEARTBEAT_INTERVAL", "0.5", "chat: { heartbeat_interval: 7 }", "chat.heartbeat_interval", 0.5, 7],
    ["CHAT_MAX_MESSAGE_LENGTH", "5", "chat: { max_message_length: '6' }", "chat.max_message_length", 5, 6],
    [
      "CHAT_ALLOWED_ORIGINS",
      "https://a, https://b",
      "chat: { allowed_origins: ['https://c'] }",
      "chat.allowed_origins",
      ["https://a", "https://b"],
      ["https://c"],
    ],
  ]

function at(config: unknown, path: string): unknown {
  return path.split(".").reduce((value: unknown, key) => Object(value)[key], config)
}

for (const [name, value, yaml, path, fromEnvironment, fromFile] of kinds) {
  test(`${name}: the environment goes before the file, and the file before the default`, async () => {
    expect(at(loadConfig({}), path)).not.toEqual(fromFile)
    expect(at(await load(yaml), path)).toEqual(fromFile)
    expect(at(await load(yaml, { [name]: value }), path)).toEqual(fromEnvironment)
    expect(at(loadConfig({ [name]: value }), path)).toEqual(fromEnvironment)
    // An empty variable counts as not set.
    expect(at(await load(yaml, { [name]: "" }), path)).toEqual(fromFile)
  })
}

test("every key of `chat` has a variable of its name", () => {
  for (const key of Object.keys(ChatConfig.shape)) {
    const name = `CHAT_${key.toUpperCase()}`
    expect(unknownVariables({ [name]: "1" })).toEqual([])
    const value = key === "auto_title" ? "off" : "17"
    const { chat } = loadConfig({ [name]: value })
    const as = { allowed_origins: ["17"], auto_title: "off" }
    expect<unknown>(chat[key as keyof ChatConfig]).toEqual(Object.entries(as).find(([name]) => name === key)?.[1] ?? 17)
  }
})

test("one key from the environment leaves its neighbours in the file alone", async () => {
  const { chat, database } = await load("chat: { rate_limit: 5, rate_burst: 6 }\ndatabase: { auth_token: t }", {
    ...{ CHAT_RATE_LIMIT: "9", DATABASE_URL: "https://db.test" },
  })
  expect(chat).toMatchObject({ rate_limit: 9, rate_burst: 6 })
  expect(database).toEqual({ url: "https://db.test", auth_token: "t" })
})

test("CHAT_ALLOWED_ORIGINS is a list with commas between; spaces and empty places do not count", () => {
  expect(loadConfig({ CHAT_ALLOWED_ORIGINS: "a,b" }).chat.allowed_origins).toEqual(["a", "b"])
  expect(loadConfig({ CHAT_ALLOWED_ORIGINS: " a , ,b, " }).chat.allowed_origins).toEqual(["a", "b"])
  expect(loadConfig({ CHAT_ALLOWED_ORIGINS: "*" }).chat.allowed_origins).toEqual(["*"])
})

test("an empty file, and keys without a value, change nothing", async () => {
  for (const yaml of ["", "# nothing\n", "~", "port:\nchat:\nmodel:\nflows:\n", "chat: { rate_limit: }"])
    expect(await load(yaml)).toEqual(loadConfig({}))
})

test("an empty CHAT_CONFIG names no file", () => {
  expect(loadConfig({ CHAT_CONFIG: "" })).toEqual(loadConfig({}))
})

test("flows are taken in their order, with their options as they are", async () => {
  const { flows } = await load(`
flows:
  - flow_id: sales-*
    chat_type: WORKFLOW
    handler: echo
    options: { delay_ms: 1, deep: { list: [1, ~, "x"] } }
  - handler: model
`)
  expect(flows).toEqual([
    {
      ...{ flow_id: "sales-*", chat_type: "WORKFLOW", handler: "echo" },
      options: { delay_ms: 1, deep: { list: [1, null, "x"] } },
    },
    { flow_id: "*", chat_type: "NORMAL", handler: "model", options: {} },
  ])
})

test("a flow's module is found from the folder of the file that names it, wherever the service is started", async () => {
  await using folder = await temporaryFolder()
  await mkdir(join(folder.path, "bots"))
  await Bun.write(
    join(folder.path, "bots/mine.mjs"),
    `export default { name: "mine", description: "d", options: { safeParseAsync: async (data) => ({ success: true, data }) }, run() {} }`,
  )
  const at = (name: string) => join(folder.path, name)
  await Bun.write(at("a.yaml"), "flows: [{ flow_id: a, handler: ./bots/mine.mjs }]")
  await Bun.write(at("bots/b.yaml"), "flows: [{ flow_id: b, handler: ../bots/mine.mjs }]")
  await Bun.write(
    at("c.yaml"),
    `flows: [{ flow_id: c, handler: ${at("bots/mine.mjs")} }, { flow_id: d, handler: echo }]`,
  )
  for (const name of ["a.yaml", "bots/b.yaml", "c.yaml"]) {
    const registry = await createRegistry(loadConfig({ CHAT_CONFIG: at(name) }))
    const route = ["a", "b", "c"].map((flow) => registry.pick(flow, "NORMAL")).find((found) => found !== undefined)
    expect(route?.handler.name).toBe("mine")
  }
})

test("the configuration is frozen, down to its lists", async () => {
  const config = await load("chat: { allowed_origins: [a] }\nflows: [{ handler: echo, options: { a: { b: [1] } } }]")
  const frozen = (value: unknown): boolean =>
    typeof value !== "object" || value === null || (Object.isFrozen(value) && Object.values(value).every(frozen))
  expect(frozen(config)).toBe(true)
  expect(() => Object.assign(config.chat, { rate_limit: 1 })).toThrow(TypeError)
})

test("variables that begin like ours but mean nothing are told; others are not our business", () => {
  const environment = {
    CHAT_RATE_LIMIT: "1",
    CHAT_RATELIMIT: "1",
    CHAT_CONFIG: "x",
    CHAT: "1",
    MODEL_NAM: "x",
    PATH: "/",
  }
  expect(unknownVariables(environment)).toEqual(["CHAT_RATELIMIT"])
})

test("variables of other programs do not get in", () => {
  expect(loadConfig({ PATH: "/bin", URL: "x", NAME: "x", CHAT_TYPO: "1", chat: "1", __proto__: "x" })).toEqual(
    loadConfig({}),
  )
})

test("what is valid as input of the schema needs no environment", () => {
  expect(Config.parse({})).toEqual(loadConfig({}))
})

test("a bucket for files is named by five variables, or in the file, or by both", async () => {
  const yaml = "files: { storage: s3, s3: { bucket: b, access_key_id: i, secret_access_key: s } }"
  expect((await load(yaml)).files).toMatchObject({
    storage: "s3",
    s3: { bucket: "b", region: "us-east-1", access_key_id: "i", secret_access_key: "s" },
  })
  const { files } = await load(yaml, { FILES_S3_BUCKET: "c", FILES_S3_ENDPOINT: "http://127.0.0.1:9000" })
  expect(files.s3).toMatchObject({ bucket: "c", endpoint: "http://127.0.0.1:9000", access_key_id: "i" })
  const faults = () => loadConfig({ FILES_STORAGE: "s3", FILES_S3_REGION: "eu-1", FILES_MAX_BYTES: "0" })
  for (const name of ["files.s3.bucket", "files.s3.access_key_id", "FILES_MAX_BYTES"]) expect(faults).toThrow(name)
  expect(() => loadConfig({ FILES_STORAGE: "s3" })).toThrow("files.s3: is needed")
  expect(unknownVariables({ FILES_S3_BUCKET: "b", FILES_MAX_BYTE: "1" })).toEqual(["FILES_MAX_BYTE"])
})
