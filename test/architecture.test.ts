// The rules of the tree, kept by a machine: who may import whom, who may touch what, how long a file may be, and that
// every rule of the protocol is proved somewhere. Read from the source text, so that type-only imports obey too.
import { describe, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { dirname, join, normalize } from "node:path"

const root = join(import.meta.dir, "..")
const read = (path: string): string => readFileSync(join(root, path), "utf8")
const sources = [...new Bun.Glob("src/**/*.ts").scanSync(root)].sort()
const tests = [...new Bun.Glob("test/**/*.{ts,mjs}").scanSync(root)].sort()

/** Folder -> the folders it may import, besides itself and the base (src/*.ts, language/). */
const layers: Record<string, readonly string[]> = {
  base: ["protocol"],
  language: ["protocol"],
  auth: [],
  protocol: [],
  handlers: ["protocol"],
  store: ["auth", "protocol"],
  bus: ["protocol"],
  files: ["auth", "protocol", "handlers", "store"],
  transcript: ["protocol"],
  chat: ["auth", "protocol", "handlers", "store", "bus", "transcript"],
  socket: ["auth", "protocol", "chat"],
  http: ["auth", "protocol", "files", "store", "transcript"],
  client: ["protocol"],
  commands: ["auth", "protocol", "store", "client", "handlers", "server"],
  server: ["auth", "protocol", "handlers", "files", "store", "bus", "chat", "socket", "http"],
  main: ["commands", "store"],
}

function layerOf(path: string): string {
  const parts = path.split("/")
  if (path === "src/main.ts") return "main"
  if (path === "src/server.ts") return "server"
  return parts.length === 2 ? "base" : (parts[1] ?? "base")
}

function specifiersOf(path: string): string[] {
  const pattern = /(?:\bfrom\s*|\bimport\s*\(?\s*)["']([^"']+)["']/g
  return [...read(path).matchAll(pattern)].map(([, specifier]) => specifier ?? "")
}

function importsOf(path: string): string[] {
  return specifiersOf(path)
    .filter((specifier) => specifier.startsWith("."))
    .map((specifier) => normalize(join(dirname(path), specifier)))
    .filter((target) => target.startsWith("src/"))
}

describe("layers: main -> server -> { socket, http } -> chat -> { handlers, bus, store } -> protocol -> base", () => {
  test("every file imports only what its layer may", () => {
    const wrong = sources.flatMap((path) => {
      const own = layerOf(path)
      const allowed = new Set([own, "base", "language", ...(layers[own] ?? [])])
      return importsOf(path)
        .filter((target) => !allowed.has(layerOf(target)))
        .map((target) => `${path} -> ${target}`)
    })
    expect(wrong).toEqual([])
  })

  test("the client takes only types from the protocol, so that no schema ends up in the browser", () => {
    const values = /^import (?!type\b)[^;]*?from "(\.\.\/protocol\/[^"]+)"/gm
    const found = sources
      .filter((path) => path.startsWith("src/client/"))
      .flatMap((path) => [...read(path).matchAll(values)])
    expect(found.map(([line]) => line)).toEqual([])
  })
})

describe("fences: what only one place may touch", () => {
  const packages: Record<string, RegExp> = {
    hono: /^src\/http\//,
    "@hono/": /^src\/http\//,
    "drizzle-orm": /^src\/store\//,
    "@libsql/": /^src\/store\//,
    libsql: /^src\/store\//,
    "bun:sqlite": /^src\/store\//,
    jose: /^src\/auth\//,
    "pino-pretty": /^src\/log\.ts$/,
    ai: /^src\/handlers\//,
    "@ai-sdk/": /^src\/handlers\//,
    "@ag-ui/": /^src\/handlers\//,
    marked: /^src\/transcript\//,
    "sanitize-html": /^src\/transcript\//,
    "@langchain/": /^src\/handlers\//,
  }
  for (const [name, place] of Object.entries(packages)) {
    test(`${name} only in ${place.source}`, () => {
      const of = (specifier: string) =>
        name.endsWith("/") ? specifier.startsWith(name) : specifier === name || specifier.startsWith(`${name}/`)
      const users = sources.filter((path) => specifiersOf(path).some(of))
      expect(users.length).toBeGreaterThan(0)
      expect(users.filter((path) => !place.test(path))).toEqual([])
    })
  }

  const words: Record<string, { pattern: RegExp; place: RegExp }> = {
    "the environment": {
      pattern: /\b(?:process|Bun|import\.meta)\.env\b|from "node:process"/,
      place: /^src\/config\.ts$/,
    },
    timers: {
      pattern: /\b(?:setTimeout|setInterval|setImmediate|Bun\.sleep)\s*\(/,
      place: /^src\/(?:client\/)?clock\.ts$/,
    },
    "the time of day": { pattern: /\bDate\.now\s*\(|new Date\(\)/, place: /^src\/(?:client\/)?clock\.ts$/ },
    "Bun's sockets": { pattern: /\bServerWebSocket\b|\bWebSocketHandler\b/, place: /^src\/(?:socket\/|server\.ts$)/ },
    "any, and what hides a fault": { pattern: /\bas any\b|: any\b|@ts-ignore|@ts-expect-error/, place: /^$/ },
  }
  for (const [name, { pattern, place }] of Object.entries(words)) {
    test(`${name} only in ${place.source}`, () => {
      const users = sources.filter((path) => pattern.test(withoutComments(read(path))))
      expect(users.filter((path) => !place.test(path))).toEqual([])
    })
  }
})

function withoutComments(source: string): string {
  return source.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/(^|\s)\/\/.*$/gm, "")
}

describe("sizes: a file holds one idea", () => {
  /** path -> why it is longer than 250 lines. */
  const longer: Record<string, string> = {}

  test("no file has more than 250 lines without a reason given here", () => {
    const long = sources.filter((path) => read(path).trimEnd().split("\n").length > 250)
    expect(long).toEqual(Object.keys(longer))
  })

  test("every source file says at its top what it is", () => {
    expect(sources.filter((path) => !/^(?:#!.*\n)?\/\/ \S/.test(read(path)))).toEqual([])
  })
})

describe("the protocol", () => {
  const rules = [...read("src/protocol/PROTOCOL.md").matchAll(/^- \*\*(P\d+\.\d+)\*\*/gm)].map(([, rule]) => rule ?? "")
  const titles = tests.flatMap((path) => [
    ...read(path).matchAll(/\b(?:test|it)(?:\.\w+)?(?:\([^"'`]*\))?\(\s*(["'`])(.*?)\1/gs),
  ])
  const proved = new Set(titles.flatMap(([, , title]) => title?.match(/P\d+\.\d+/g) ?? []))

  test("has rules, each numbered once", () => {
    expect(rules.length).toBeGreaterThan(30)
    expect(new Set(rules).size).toBe(rules.length)
  })

  test("each rule is quoted by the title of a test that proves it", () => {
    expect(rules.filter((rule) => !proved.has(rule))).toEqual([])
  })
})
