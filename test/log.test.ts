// The log as an operator's tools read it: JSON lines on standard error, and nothing in them that should stay inside.
import { expect, test } from "bun:test"
import { closeSync, constants, mkdtempSync, openSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { silentLog } from "../src/log.ts"

const module = join(import.meta.dir, "../src/log.ts")

/** What a program that logs leaves on standard error, line by line. */
async function logged(program: string): Promise<Record<string, unknown>[]> {
  const script = `import { openLog } from ${JSON.stringify(module)}\n${program}`
  const child = Bun.spawn([process.execPath, "-e", script], { stdin: "ignore", stdout: "pipe", stderr: "pipe" })
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited])
  expect([out, code]).toEqual(["", 0])
  return err
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line))
}

test("a line has its time, level, text and fields, and those of the logs it came through", async () => {
  const lines = await logged(`
    const log = await openLog("info")
    log.debug({ a: 1 }, "not shown")
    log.child({ trace_id: "t", chat_id: "c" }).child({ turn_id: "u" }).warn({ a: 1 }, "shown\\nwith a line break")
  `)
  expect(lines).toEqual([
    {
      ...{
        level: 40,
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        trace_id: "t",
        chat_id: "c",
        turn_id: "u",
      },
      ...{ a: 1, msg: "shown\nwith a line break" },
    },
  ])
})

test("what is logged last before the process ends is not lost", async () => {
  const lines = await logged(`
    const log = await openLog("info")
    for (let n = 0; n < 2000; n++) log.info({ n }, "x")
    process.exit(0)
  `)
  expect(lines.map(({ n }) => n)).toEqual(Array.from({ length: 2000 }, (_, n) => n))
})

test("fields that cannot be written do not cost the line, nor fail who logs it", async () => {
  const lines = await logged(`
    const loop = {}; loop.loop = loop
    const log = await openLog("info")
    log.warn({ loop }, "one")
    log.warn({ big: 1n }, "two")
  `)
  expect(lines.map(({ level, msg }) => [level, msg])).toEqual([
    [40, "one"],
    [40, "two"],
  ])
})

test("a pipe that does not block and is full is waited for", async () => {
  const folder = mkdtempSync(join(tmpdir(), "bisheng-chat-log-"))
  const path = join(folder, "pipe")
  try {
    expect(Bun.spawnSync(["mkfifo", path]).exitCode).toBe(0)
    const ours = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
    // Twice what a pipe holds.
    const program = `import { openLog } from ${JSON.stringify(module)}
      const log = await openLog("info")
      for (let n = 0; n < 2000; n++) log.info({ n, filler: "x".repeat(40) }, "x")`
    const child = Bun.spawn([process.execPath, "-e", program], { stdio: ["ignore", "inherit", ours] })
    const reader = Bun.spawn(["cat", path], { stdin: "ignore", stdout: "pipe" })
    expect(await child.exited).toBe(0)
    closeSync(ours)
    const lines = (await reader.stdout.text()).trim().split("\n")
    expect(lines.map((line) => JSON.parse(line).n)).toEqual(Array.from({ length: 2000 }, (_, n) => n))
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test("who logs goes on when nobody reads any more", async () => {
  const program = `import { closeSync } from "node:fs"
    import { openLog } from ${JSON.stringify(module)}
    closeSync(2)
    ;(await openLog("info")).error({}, "x")
    console.log("went on")`
  const child = Bun.spawn([process.execPath, "-e", program], { stdin: "ignore", stdout: "pipe", stderr: "pipe" })
  expect([await child.stdout.text(), await child.exited]).toEqual(["went on\n", 0])
})

test("silent says nothing", async () => {
  expect(await logged(`(await openLog("silent")).error({}, "x")`)).toEqual([])
})

test("of an error the log has its name, message, code, stack and causes, but not its further fields", async () => {
  const [line] = await logged(`
    const cause = Object.assign(new TypeError("below"), { code: "ECONNREFUSED", responseBody: "SECRET" })
    const err = Object.assign(new Error("above", { cause }), { requestBodyValues: { messages: ["SECRET"] }, headers: { authorization: "SECRET" } })
    ;(await openLog("info")).error({ err }, "x")
  `)
  expect(line?.err).toMatchObject({
    ...{ type: "Error", message: "above", stack: expect.stringContaining("above") },
    cause: { type: "TypeError", message: "below", code: "ECONNREFUSED" },
  })
  expect(JSON.stringify(line)).not.toContain("SECRET")
})

test("a failed query is logged without its parameters: they are what people said", async () => {
  const [line] = await logged(`
    const { DrizzleQueryError } = await import(${JSON.stringify(import.meta.resolve("drizzle-orm"))})
    const err = new DrizzleQueryError("select ?", ["SECRET", 1], new Error("disk I/O error"))
    ;(await openLog("info")).error({ err }, "x")
  `)
  expect(line?.err).toMatchObject({ message: "Failed query: select ?", cause: { message: "disk I/O error" } })
  expect(JSON.stringify(line)).not.toContain("SECRET")
})

test("whatever is thrown can be logged", async () => {
  const lines = await logged(`
    const log = await openLog("info")
    for (const err of ["text", undefined, null, 5, { a: 1 }]) log.error({ err }, "x")
    const loop = new Error("loop"); loop.cause = loop
    log.error({ err: loop }, "x")
  `)
  expect(lines).toHaveLength(6)
})

test("the silent log takes everything and its children do as well", () => {
  for (const act of ["debug", "info", "warn", "error"] as const) expect(silentLog[act]({}, "x")).toBeUndefined()
  expect(silentLog.child({ a: 1 })).toBe(silentLog)
})
