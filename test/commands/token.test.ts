// bun run token, as a script uses it: the token alone on standard output, everything else on standard error.
import { expect, test } from "bun:test"
import { readdir, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { resolveSecret } from "../../src/auth/secret.ts"
import { verifyToken } from "../../src/auth/token.ts"
import { systemClock } from "../../src/clock.ts"
import { run, temporaryFolder } from "../support/process.ts"

const file = "commands/token.ts"

test("prints a token and nothing else; the service with the same data_dir takes it", async () => {
  await using folder = await temporaryFolder()
  const { code, out, err } = await run(file, ["--user", "7"], { env: { DATA_DIR: folder.path } })
  expect([code, err]).toEqual([0, ""])
  expect(out).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/)
  const secret = await resolveSecret({ data_dir: folder.path })
  const principal = await verifyToken(secret, out.trim(), systemClock)
  expect(principal).toMatchObject({ user_id: 7, role: "user" })
  expect(Math.abs(principal.expires_at - systemClock.now() - 3_600_000)).toBeLessThan(60_000)
  // The secret is made on the way, if nothing was started before.
  expect(await readdir(folder.path)).toEqual(["jwt-secret"])
  expect((await stat(join(folder.path, "jwt-secret"))).mode & 0o777).toBe(0o600)
})

test("--role, --ttl and JWT_SECRET are used", async () => {
  const secret = "a secret of at least thirty-two bytes"
  const args = ["--user", "0", "--role", "admin", "--ttl", "7d"]
  const { out } = await run(file, args, { env: { JWT_SECRET: secret, DATA_DIR: "/none" } })
  const principal = await verifyToken(new TextEncoder().encode(secret), out.trim(), systemClock)
  expect(principal).toMatchObject({ user_id: 0, role: "admin" })
  expect(Math.abs(principal.expires_at - systemClock.now() - 7 * 86_400_000)).toBeLessThan(60_000)
})

const usage = "usage: bun run token --user <number> [--role user|admin] [--ttl <number>s|m|h|d]"

for (const [args, sentence] of [
  [[], "--user must be a number"],
  [["--user", "me"], "--user must be a number"],
  [["--user", "-1"], /^Option '--user/],
  [["--user=-1"], "--user must be a number"],
  [["--user", "1", "--role", "root"], "--role must be user or admin"],
  [["--user", "1", "--ttl", "0h"], "--ttl must be like 90s, 15m, 1h or 7d"],
  [["--user", "1", "--ttl", "forever"], "--ttl must be like 90s, 15m, 1h or 7d"],
  [["--user", "1", "--expires", "1h"], /^Unknown option '--expires'/],
  [["1"], /^Unexpected argument '1'/],
] as const) {
  test(`${JSON.stringify(args)} is refused with a sentence and the usage, on standard error, with 1`, async () => {
    const { code, out, err } = await run(file, args, { env: { JWT_SECRET: "x".repeat(32) } })
    expect([code, out]).toEqual([1, ""])
    const [first = "", ...rest] = err.split("\n")
    expect(first).toMatch(sentence)
    expect(rest.join("\n")).toContain(usage)
    expect(err).not.toMatch(/^\s+at /m)
  })
}

test("a wrong configuration, and a secret that cannot be kept, are one sentence", async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, "file")
  await writeFile(path, "x")
  expect(await run(file, ["--user", "1"], { env: { JWT_SECRET: "short" } })).toEqual({
    ...{ code: 1, out: "" },
    err: "The configuration has a fault:\n  JWT_SECRET: must have at least 32 bytes\n",
  })
  const { code, out, err } = await run(file, ["--user", "1"], { env: { DATA_DIR: path } })
  expect([code, out]).toEqual([1, ""])
  expect(err).toMatch(/^The secret \S+ can be neither read nor made: [^\n]+\n$/)
})
