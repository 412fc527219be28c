// A start that cannot work: one sentence on standard error, exit code 1, and no stack.
import { expect, test } from "bun:test"
import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { openDatabase } from "../../src/store/database.ts"
import { run, temporaryFolder } from "../support/process.ts"

async function faultOf(env: Record<string, string>): Promise<string> {
  const { code, out, err } = await run("main.ts", [], { env: { PORT: "0", ...env } })
  expect([code, out]).toEqual([1, ""])
  expect(err).not.toMatch(/^\s+at /m)
  expect(err.trimEnd().split("\n").length).toBe(err.startsWith("The configuration") ? 2 : 1)
  return err.trimEnd()
}

test("a port in use is named with what to do, and the database is left unlocked", async () => {
  await using folder = await temporaryFolder()
  using taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } })
  const PORT = String(taken.port)
  expect(await faultOf({ DATA_DIR: folder.path, PORT })).toBe(
    `127.0.0.1:${PORT} is in use: set PORT to another one, or stop what listens there`,
  )
  await (await openDatabase({ database: {}, data_dir: folder.path })).close()
})

test("an address that is not this machine's is named", async () => {
  await using folder = await temporaryFolder()
  const fault = await faultOf({ DATA_DIR: folder.path, HOST: "192.0.2.1", PORT: "8080" })
  expect(fault).toStartWith("192.0.2.1:8080 cannot be listened on, check HOST and PORT: ")
})

test("a wrong configuration is named before anything is made", async () => {
  await using folder = await temporaryFolder()
  const data = join(folder.path, "data")
  expect(await faultOf({ DATA_DIR: data, CHAT_RATE_LIMIT: "none" })).toMatch(
    /^The configuration has a fault:\n {2}CHAT_RATE_LIMIT: /,
  )
  expect(await faultOf({ DATA_DIR: data, CHAT_CONFIG: join(folder.path, "none.yaml") })).toMatch(
    /^The configuration has a fault:\n {2}CHAT_CONFIG: \S+ cannot be read: /,
  )
  expect(await Bun.file(join(data, "jwt-secret")).exists()).toBe(false)
})

test("a bot that is not there is named with its place in the file", async () => {
  await using folder = await temporaryFolder()
  const CHAT_CONFIG = join(folder.path, "chat.yaml")
  await writeFile(CHAT_CONFIG, "flows: [{ handler: ./nobody.ts }]")
  expect(await faultOf({ DATA_DIR: folder.path, CHAT_CONFIG })).toMatch(
    /^The configuration has a fault:\n {2}flows\.0\.handler: there is no handler, module or package '\S+nobody\.ts'/,
  )
})

test("a database or folder that cannot be used is named", async () => {
  await using folder = await temporaryFolder()
  const at = (name: string) => join(folder.path, name)
  await writeFile(at("garbage.db"), "This is no database at all. ".repeat(400))
  await writeFile(at("file"), "x")
  await mkdir(at("data/chat.db"), { recursive: true })
  const DATA_DIR = at("ok")
  expect(await faultOf({ DATA_DIR, DATABASE_URL: `file:${at("garbage.db")}` })).toBe(
    `The database ${at("garbage.db")} cannot be opened: file is not a database`,
  )
  expect(await faultOf({ DATA_DIR: at("data") })).toBe(
    `The database ${at("data/chat.db")} cannot be opened: check that it is a file, and who may read and write it`,
  )
  expect(await faultOf({ DATA_DIR: at("file") })).toStartWith(
    `The secret ${at("file")}/jwt-secret can be neither read nor made: `,
  )
  expect(await faultOf({ DATA_DIR, DATABASE_URL: "http://127.0.0.1:9" })).toStartWith(
    "The database 127.0.0.1:9 cannot be used: ",
  )
})

test("a secret file that is empty is named with what to do", async () => {
  await using folder = await temporaryFolder()
  await writeFile(join(folder.path, "jwt-secret"), "")
  expect(await faultOf({ DATA_DIR: folder.path })).toBe(
    `${folder.path}/jwt-secret is empty: remove it, and the next start makes a new one`,
  )
})
