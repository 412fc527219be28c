// bun run handler-check as the author of a plug-in runs it, on files in a folder of their own.
import { expect, test } from "bun:test"
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { checks } from "../../src/handlers/check/checks.ts"
import { run, temporaryFolder } from "../support/process.ts"

async function check(source: string, ...args: string[]) {
  await using folder = await temporaryFolder()
  await writeFile(join(folder.path, "bot.ts"), source)
  await writeFile(join(folder.path, "options.json"), '{ "mark": "?" }')
  return await run("commands/handler-check.ts", ["./bot.ts", ...args], { cwd: folder.path })
}

const bot = (body: string, more = "") => `import { defineHandler, z } from "bisheng-chat/handler"
export default defineHandler({
  name: "mine", description: "A bot of mine.", options: z.strictObject({ mark: z.enum(["!", "?"]).default("!") }), ${more}
  async *run({ message, options, signal }) { ${body} },
})`
const good = bot('yield { type: "text", text: message.message + options.mark }')

test("a good bot: one line for each check, and 0", async () => {
  const { code, out, err } = await check(good, "./options.json")
  expect([code, err]).toEqual([0, ""])
  const lines = out.trimEnd().split("\n")
  for (const { name } of checks) expect(lines.filter((line) => line.slice(6).startsWith(name))).toHaveLength(1)
  expect(lines.every((line) => !line.startsWith("FAIL"))).toBe(true)
  expect(lines.at(-1)).toBe("'mine' (A bot of mine.) keeps the contract")
})

test("a bad one: each fault on its line with the reason, the other checks all the same, and 1", async () => {
  const { code, out } = await check(bot('for (let n = 0; n < 5; n++) yield { type: "text", text: "word" }'))
  expect(code).toBe(1)
  expect(out).toMatch(/^FAIL {2}stopped in the middle, .*: after its stop it yields 4 events more/m)
  expect(out).toMatch(/^ok {4}it ends, and all that it yields are events$/m)
  expect(out).toEndWith("'mine' does not keep the contract\n")
})

test("what it leaves behind to fail later is told with the check in which it shows", async () => {
  const { code, out } = await check(bot('Promise.reject(new Error("lost")); yield { type: "text", text: "x" }'))
  expect(code).toBe(1)
  expect(out).toMatch(/^FAIL .*a promise was rejected and nobody looked: Error: lost/m)
})

test("options that the bot does not take, no options at all, and what is no module are named", async () => {
  const wrong = await check(good, '{ "mark": 1 }')
  expect([wrong.code, wrong.err]).toEqual([
    1,
    expect.stringMatching(/options are not what the handler takes:\n {2}options\.mark: /),
  ])
  expect((await check(good, "./none.json")).err).toMatch(/options cannot be read: .*none\.json/)
  expect((await check(good, "--endless", "[1]")).err).toMatch(/--endless /)
  const broken = await check("export default {")
  expect([broken.code, broken.out]).toEqual([1, expect.stringMatching(/^FAIL {2}it can be loaded: .*bot\.ts:1\)/)])
  const { code, err } = await run("commands/handler-check.ts", [], {})
  expect([code, err]).toEqual([1, expect.stringContaining("usage: bun run handler-check")])
})

test.each([
  ["README.md", "shout.ts", []],
  ["docs/bots.md", "bots/order.ts", ["{}", "--asking", "{}"]],
])("the bot of %s, written from there alone, keeps the contract", async (page, name, args) => {
  const text = await readFile(join(import.meta.dir, "../..", page), "utf8")
  const [, source] = text.split(`\`\`\`ts\n// ${name}\n`)
  const { code, out } = await check(source?.split("```")[0] ?? expect.unreachable("no bot there"), ...args)
  expect([code, out]).toEqual([0, expect.stringContaining("keeps the contract")])
  expect(out.match(/^skip .*asked nothing/gm)?.length ?? 0).toBe(args.length === 0 ? 1 : 0)
})
