// What README.md and docs/ say is so: every key, option, event, file and command is there, and every example loads.
import { expect, test } from "bun:test"
import { existsSync, readFileSync } from "node:fs"
import { mkdir, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { z } from "zod"
import packageJson from "../package.json" with { type: "json" }
import { loadConfig } from "../src/config.ts"
import { errorCodes } from "../src/errors.ts"
import { builtIn } from "../src/handlers/built-in.ts"
import { HandlerEvent } from "../src/handlers/handler.ts"
import { createRegistry } from "../src/handlers/registry.ts"
import { Field } from "../src/protocol/form.ts"
import { routes } from "../src/protocol/rest.ts"
import { Allowed, ChatConfig, Config, FilesConfig, FlowConfig } from "../src/settings.ts"
import { temporaryFolder } from "./support/process.ts"

const root = join(import.meta.dir, "..")
const pages = ["README.md", ...new Bun.Glob("docs/*.md").scanSync(root)].sort()
const read = (path: string): string => readFileSync(join(root, path), "utf8")
const Properties = z.looseObject({ properties: z.record(z.string(), z.unknown()) })

/** The keys of a schema of an object, also where a check or a transformation comes after it. */
function keysOf(schema: z.ZodType): string[] {
  const described = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" })
  return Object.keys(Properties.parse(described).properties)
}

/** The part of a page under a heading, to the next one of its rank or a higher one. */
function section(page: string, heading: string): string {
  const rank = /^#+/.exec(heading)?.[0].length ?? 0
  const [, rest] = page.split(`\n${heading}\n`)
  return rest?.split(new RegExp(`\\n#{1,${rank}} `))[0] ?? ""
}

/** The first cells of the tables' rows, without their marks. */
function rowsOf(text: string): string[] {
  const cells = [...text.matchAll(/^\| ([^|]+) \|/gm)].flatMap(([, cell]) => cell?.split(",") ?? [])
  return cells.map((cell) => cell.trim().replaceAll("`", ""))
}

/** Blocks of code in a language. */
function blocksOf(page: string, language: string): string[] {
  return [...read(page).matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "gm"))].map(
    ([, code]) => code ?? "",
  )
}

test("docs/operations.md has every key of the configuration, and no other", () => {
  const [table = ""] = section(read("docs/operations.md"), "## Configuration").split("\n### ")
  const rows = [...table.matchAll(/^\| ([^|]+) \| ([^|]+) \|/gm)]
  const wordsIn = (cell = "") => [...cell.matchAll(/`([^`]+)`/g)].map(([, word]) => word ?? "")
  const nested: Record<string, readonly string[]> = {
    database: keysOf(Config.shape.database),
    model: keysOf(Config.shape.model),
    chat: keysOf(ChatConfig),
    files: keysOf(FilesConfig).filter((key) => key !== "s3"),
    "files.s3": keysOf(FilesConfig.shape.s3.unwrap()),
  }
  const known = [
    ...keysOf(Config).filter((key) => !Object.hasOwn(nested, key)),
    ...Object.entries(nested).flatMap(([key, inner]) => inner.map((one) => `${key}.${one}`)),
  ]
  expect(rows.flatMap(([, , yaml]) => wordsIn(yaml)).toSorted()).toEqual(known.toSorted())
  const variables = known.filter((key) => key !== "flows").map((key) => key.replaceAll(".", "_").toUpperCase())
  expect(rows.flatMap(([, name]) => wordsIn(name)).toSorted()).toEqual(variables.toSorted())
})

test("docs/operations.md has every key of a flow", () => {
  const text = section(read("docs/operations.md"), "### Flows")
  const keys = rowsOf(text).filter((key) => key !== "key")
  expect(keys.toSorted()).toEqual(keysOf(FlowConfig).toSorted())
  for (const key of keysOf(Allowed)) expect(text).toContain(`${key}: [`)
})

test.each(Object.keys(builtIn))("docs/engines.md has every option of the handler %s, and no other", async (name) => {
  const handler = (await builtIn[name]?.())?.default
  const text = section(read("docs/engines.md"), `## ${name}`)
  // What the assistant has from the model stands there.
  const inherited = name === "assistant" ? rowsOf(section(read("docs/engines.md"), "## model")) : []
  const options = rowsOf(text).filter((key) => key !== "option")
  const known = keysOf(handler?.options ?? expect.unreachable("no such handler"))
  expect([...new Set([...options, ...inherited.filter((key) => known.includes(key))])].toSorted()).toEqual(
    known.toSorted(),
  )
})

test("docs/bots.md has every event that a bot may yield, with its keys, and every field of a question", () => {
  const page = read("docs/bots.md")
  const kinds = (union: { readonly options: readonly z.ZodObject[] }) =>
    union.options.map(({ shape }) => ({
      type: String(z.toJSONSchema(shape.type ?? z.never()).const),
      keys: Object.keys(shape).filter((key) => key !== "type"),
    }))
  for (const [heading, union] of [
    ["## What it yields", HandlerEvent],
    ["## Questions", Field],
  ] as const) {
    const rows = section(page, heading)
      .split("\n")
      .filter((line) => line.startsWith("| `"))
    const common = heading === "## Questions" ? section(page, heading) : ""
    for (const { type, keys } of kinds(union)) {
      const row = rows.find((line) => line.startsWith(`| \`${type}\` |`)) ?? `no row for ${type}`
      for (const key of keys) expect(`${row}${common}`).toMatch(new RegExp(`\\b${key}\\b`))
    }
    expect(rows).toHaveLength(kinds(union).length)
  }
})

test("every example of a configuration loads, with the bots, graphs and tools that the pages show", async () => {
  await using folder = await temporaryFolder()
  for (const page of pages) {
    for (const code of blocksOf(page, "ts")) {
      const [, path] = /^\/\/ (\S+\.ts)\n/.exec(code) ?? []
      if (path === undefined) continue
      await mkdir(dirname(join(folder.path, path)), { recursive: true })
      await writeFile(join(folder.path, path), code)
    }
  }
  const file = join(folder.path, "chat.yaml")
  let examples = 0
  for (const page of pages) {
    for (const code of blocksOf(page, "yaml")) {
      await writeFile(file, code)
      const config = loadConfig({ CHAT_CONFIG: file, MODEL_BASE_URL: "http://127.0.0.1:9/v1" })
      await createRegistry(config)
      examples += 1
    }
  }
  expect(examples).toBeGreaterThan(5)
})

test("every test, file and page that is named is there", () => {
  const missing = pages.flatMap((page) => {
    const text = read(page)
    const links = [...text.matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g)].map(([, path]) => join(dirname(page), path ?? ""))
    // `test/a/b.test.ts`, and after it in the same cell `c.test.ts` of the same folder.
    const tests = text.split("\n").flatMap((line) => {
      let place = ""
      return [...line.matchAll(/`((?:test\/[\w./-]*\/)?[\w-]+\.test\.ts|test\/[\w-]+)`/g)].map(([, path = ""]) => {
        if (path.startsWith("test/")) place = dirname(path)
        return path.startsWith("test/") ? path : join(place, path)
      })
    })
    return [...links, ...tests].filter((path) => !existsSync(join(root, path))).map((path) => `${page}: ${path}`)
  })
  expect(missing).toEqual([])
})

test("every anchor of a link is a heading of the page that it leads to", () => {
  const slug = (heading: string) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, "")
      .trim()
      .replaceAll(/\s/g, "-")
  const wrong = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\(([^)#:\s]*)#([^)\s]+)\)/g)].flatMap(([, path = "", anchor = ""]) => {
      const target = path === "" ? page : join(dirname(page), path)
      const headings = [...read(target).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => slug(heading))
      return headings.includes(anchor) ? [] : [`${page}: ${target}#${anchor}`]
    }),
  )
  expect(wrong).toEqual([])
})

test("every command that is named is one, and every command is named", () => {
  const named = pages.flatMap((page) => [...read(page).matchAll(/\bbun run ([a-z-]+)/g)].map(([, name]) => name ?? ""))
  const scripts = Object.keys(packageJson.scripts).filter((name) => !/^pre/.test(name))
  expect([...new Set([...named, "start"])].toSorted()).toEqual(scripts.toSorted())
})

test("every route that is named is one", () => {
  const known = Object.values(routes).map(
    ({ method, path }) => `${method.toUpperCase()} ${path.replace(/:(\w+)/g, "{$1}")}`,
  )
  const wrong = pages.flatMap((page) =>
    [...read(page).matchAll(/`(GET|POST|PUT|DELETE) (\/[\w/{}.-]*)/g)]
      .map(([, method, path]) => `${method} ${path}`)
      .filter((route) => !known.includes(route)),
  )
  expect(wrong).toEqual([])
})

test("the error codes that the pages name are codes", () => {
  const words = new Set(errorCodes.map(String))
  const text = pages.map(read).join("\n")
  const named = [...text.matchAll(/`((?:engine|model|handler|tools|too|answer)_[a-z_]+)`/g)].map(
    ([, name]) => name ?? "",
  )
  const others = new Set([...Object.keys(builtIn), "model"])
  expect([...new Set(named)].filter((name) => !words.has(name) && !others.has(name))).toEqual([])
})
