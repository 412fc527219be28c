// The secret that signs tokens: given, kept, or made once.
import { expect, test } from "bun:test"
import { mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { resolveSecret, SecretError } from "../../src/auth/secret.ts"
import { temporaryFolder } from "../support/process.ts"

const textOf = async (data_dir: string) => new TextDecoder().decode(await resolveSecret({ data_dir }))
const faultOf = async (data_dir: string): Promise<string> => {
  const error = await resolveSecret({ data_dir }).catch((fault: unknown) => fault)
  expect(error).toBeInstanceOf(SecretError)
  return error instanceof Error ? error.message : ""
}

test("the configured secret is taken as it is, and nothing is written", async () => {
  await using folder = await temporaryFolder()
  const data_dir = join(folder.path, "data")
  const jwt_secret = "a configured secret of 32 bytes, 中"
  expect(new TextDecoder().decode(await resolveSecret({ jwt_secret, data_dir }))).toBe(jwt_secret)
  expect(await readdir(folder.path)).toEqual([])
})

test("the first start makes a secret of 48 random bytes, for its owner alone, and later starts keep it", async () => {
  await using folder = await temporaryFolder()
  const data_dir = join(folder.path, "data")
  const made = await textOf(data_dir)
  expect(Buffer.from(made, "base64url")).toHaveLength(48)
  expect(await textOf(data_dir)).toBe(made)
  expect((await stat(join(data_dir, "jwt-secret"))).mode & 0o777).toBe(0o600)
  expect((await stat(data_dir)).mode & 0o777).toBe(0o700)
  await using other = await temporaryFolder()
  expect(await textOf(other.path)).not.toBe(made)
})

test("first starts at once make one secret, and leave nothing else", async () => {
  await using folder = await temporaryFolder()
  const made = await Promise.all(Array.from({ length: 20 }, () => textOf(folder.path)))
  expect(new Set(made).size).toBe(1)
  expect(await readdir(folder.path)).toEqual(["jwt-secret"])
})

test("first starts at once in different processes make one secret", async () => {
  await using folder = await temporaryFolder()
  const module = JSON.stringify(join(import.meta.dir, "../../src/auth/secret.ts"))
  const script = `const { resolveSecret } = await import(${module}); console.log(new TextDecoder().decode(await resolveSecret({ data_dir: process.argv[1] })))`
  const made = await Promise.all(
    Array.from({ length: 5 }, () => Bun.spawn([process.execPath, "-e", script, folder.path]).stdout.text()),
  )
  expect(new Set(made).size).toBe(1)
  expect(await readdir(folder.path)).toEqual(["jwt-secret"])
})

test("a secret that somebody put there is taken, without the line break at its end", async () => {
  await using folder = await temporaryFolder()
  const own = "my own secret, which has more than 32 bytes"
  await writeFile(join(folder.path, "jwt-secret"), `${own}\n`)
  expect(await textOf(folder.path)).toBe(own)
})

test("an empty secret file is refused with a sentence that says what to do, and is not touched", async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, "jwt-secret")
  for (const text of ["", "\n", "  \n"]) {
    await writeFile(path, text)
    expect(await faultOf(folder.path)).toBe(`${path} is empty: remove it, and the next start makes a new one`)
    expect(await readFile(path, "utf8")).toBe(text)
  }
  expect(await readdir(folder.path)).toEqual(["jwt-secret"])
})

test("a short secret file is refused as a short JWT_SECRET is, and not shown", async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, "jwt-secret")
  await writeFile(path, "short")
  expect(await faultOf(folder.path)).toStartWith(`${path} must have at least 32 bytes: `)
  expect(await faultOf(folder.path)).not.toContain("short")
})

test("what can be neither read nor made is one sentence that names it", async () => {
  await using folder = await temporaryFolder()
  const at = (name: string) => join(folder.path, name)
  await writeFile(at("file"), "x")
  await mkdir(at("folder/jwt-secret"), { recursive: true })
  await mkdir(at("loop"))
  await symlink(at("loop/jwt-secret"), at("loop/jwt-secret"))
  for (const name of ["file", "folder", "loop"]) {
    const fault = await faultOf(at(name))
    expect(fault).toStartWith(`The secret ${at(name)}/jwt-secret can be neither read nor made: `)
    expect(fault).not.toContain("\n")
  }
  expect(await readdir(at("loop"))).toEqual(["jwt-secret"])
})
