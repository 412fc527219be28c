// bun run build: the service as one file with its bytecode, dist/main.js, which is there in a third of the time: nothing is
// left to be found, read and compiled. What it was made of is written beside it; the same again is not built again.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fail } from "./start-up.ts"

const root = join(import.meta.dir, "../..")
const folder = join(root, "dist")
const stamp = join(folder, "made-of")

/**
 * Packages that go into the file: those of the start. The others stay where they are and are loaded when first used; what a
 * plug-in shares with the service, LangGraph's classes for one, has to be one copy.
 */
const inside = new Set([
  ...["zod", "zod-openapi", "hono", "@hono/zod-validator", "@libsql/client", "@libsql/core", "drizzle-orm", "jose"],
  ...["@fastify/busboy", "negotiator"],
])

/** What the file is made of, and where it belongs: paths of the sources are in it. */
function ingredients(): string {
  const hash = new Bun.CryptoHasher("sha256").update(`${Bun.version} ${Bun.revision} ${root}`)
  const sources = [...new Bun.Glob("src/**/*.ts").scanSync(root)].sort()
  for (const path of [...sources, "package.json", "bun.lock", "tsconfig.json"]) {
    hash.update(`\n${path}\n`).update(readFileSync(join(root, path)))
  }
  return hash.digest("hex")
}

function isMadeOf(made: string): boolean {
  try {
    return readFileSync(stamp, "utf8") === made
  } catch {
    // There is none yet.
    return false
  }
}

async function build(): Promise<void> {
  const { dependencies }: { dependencies: Record<string, string> } = await Bun.file(join(root, "package.json")).json()
  const outside = Object.keys(dependencies).filter((name) => !inside.has(name))
  const { outputs } = await Bun.build({
    entrypoints: [join(root, "src/main.ts")],
    target: "bun",
    // Bytecode of ES modules is only for executables (Bun 1.4.5).
    format: "cjs",
    bytecode: true,
    // Not minified: what a stack says can be read. With source maps, any error at the start costs 25 ms (Bun 1.4.5).
    external: outside.flatMap((name) => [name, `${name}/*`]),
  })
  // A build whose bytecode failed says nothing and is slow (oven-sh/bun#15528).
  if (!outputs.some(({ kind }) => kind === "bytecode")) throw new Error("there is no bytecode in the build")
  const draft = `${folder}.${process.pid}`
  mkdirSync(draft)
  try {
    for (const output of outputs) await Bun.write(join(draft, output.path), output)
    writeFileSync(join(draft, "made-of"), made)
    rmSync(folder, { recursive: true, force: true })
    renameSync(draft, folder)
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
}

const made = ingredients()
try {
  if (!isMadeOf(made)) await build()
} catch (error) {
  fail(error)
}
