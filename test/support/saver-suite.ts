// LangGraph's suite for savers, under Bun's test runner. It is written for Vitest, whose `rejects` calls a function itself, and
// whose `soft` expectations let a test go on after they failed: here they end it, which is the stricter test.
import { expect as expectOf } from "bun:test"

export const expect = new Proxy(expectOf, {
  apply: (_, __, [value]: [unknown]) =>
    typeof value === "function" ? expectOf(Promise.resolve().then(() => value())) : expectOf(value),
  get: (target, name) => (name === "soft" ? target : Reflect.get(target, name)),
})

// Bun gives every file of a test run its own `expect`, so a global one would not be seen.
Bun.plugin({
  name: "the suite's expect",
  setup(build) {
    build.onLoad({ filter: /langgraph-checkpoint-validation\/dist\/.*\.js$/ }, async ({ path }) => ({
      contents: `import { expect } from ${JSON.stringify(import.meta.path)}\n${await Bun.file(path).text()}`,
      loader: "js",
    }))
  },
})

export const { deltaChannelHistoryTests, validate } = await import("@langchain/langgraph-checkpoint-validation")
