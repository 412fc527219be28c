// The checks themselves: each goes red for a bot that does what it forbids, and says what the bot does.
import { expect, test } from "bun:test"
import { z } from "zod"
import { type Check, checks, closes } from "../../src/handlers/check/checks.ts"
import { CheckFailure } from "../../src/handlers/check/trial.ts"
import graph, { GraphOptions } from "../../src/handlers/graph.ts"
import { defineHandler, type Handler, type HandlerEvent } from "../../src/handlers/handler.ts"
import { openGraphCheckpoints } from "../../src/store/graph-checkpoints.ts"
import { noServices } from "../handlers/context.ts"
import { openTestDatabase } from "../support/database.ts"

type Run = Handler["run"]
const text = (words: string): HandlerEvent => ({ type: "text", text: words })

function bot(run: Run, more: Partial<Handler> = {}): Handler {
  return defineHandler({ name: "bot", description: "For tests.", options: z.looseObject({}), run, ...more })
}

const sayHello: Run = async function* () {
  yield text("hello")
}

/** The checks that do not hold, with their reasons. */
async function faultsOf(handler: Handler, { endless, asking }: { endless?: object; asking?: object } = {}) {
  const faults: Record<string, string> = {}
  const subject = { handler, options: {}, endless, asking, repeats: false, services: noServices, patience_ms: 300 }
  for (const { name, run } of [...checks, closes]) {
    try {
      await run(subject)
    } catch (error) {
      faults[name] = error instanceof CheckFailure ? error.message : `not told: ${error}`
    }
  }
  return faults
}

const named = (words: string): Check["name"] =>
  [...checks, closes].find(({ name }) => name.includes(words))?.name ?? expect.unreachable(words)

test("a bot that does nothing wrong passes all of them, with the smallest code there is", async () => {
  expect(await faultsOf(bot(sayHello))).toEqual({})
})

test("the intake, which keeps its place under its turn, passes all of them as well", async () => {
  await using db = await openTestDatabase()
  const options = await GraphOptions.parseAsync({ graph: "intake" })
  const services = { ...noServices, graphs: openGraphCheckpoints(db) }
  const subject = { handler: graph, options, asking: options, repeats: false, services, patience_ms: 5000 }
  for (const { run } of [...checks, closes]) await run(subject)
})

let last = ""
let shared = 0
const wrong: Record<string, { handler: Handler; given?: object; check: string; reason: RegExp }> = {
  "has no description": {
    handler: bot(sayHello, { description: "" }),
    check: "what it is",
    reason: /description must/,
  },
  "does not take its options": {
    handler: bot(sayHello, { options: z.object({ key: z.string() }) }),
    check: "what it is",
    reason: /options\.key: /,
  },
  "says nothing": { handler: bot(async function* () {}), check: "it ends, and all", reason: /says nothing/ },
  throws: {
    handler: bot(async function* () {
      yield text("a")
      throw new TypeError("no luck")
    }),
    check: "it ends, and all",
    reason: /throws TypeError: no luck/,
  },
  "never ends": {
    handler: bot(async function* () {
      yield text("a")
      await new Promise(() => {})
    }),
    check: "it ends, and all",
    reason: /does not end within 0\.3 s/,
  },
  "yields rubbish": {
    handler: bot(async function* () {
      yield JSON.parse('{ "type": "dance", "to": "music" }')
    }),
    check: "it ends, and all",
    reason: /event 1 \({"type":"dance".*is none: type/,
  },
  "cuts an emoji in two": {
    handler: bot(async function* ({ message }) {
      for (const unit of (message.message ?? "").split("")) yield text(unit)
    }),
    check: "every script",
    reason: /in the middle of a character/,
  },
  "cannot do without a history": {
    handler: bot(async function* ({ history }) {
      yield text(history.at(-1)?.answer.message ?? expect.unreachable("no history"))
    }),
    check: "without a history",
    reason: /throws/,
  },
  "cannot take a message without text": {
    handler: bot(async function* ({ message }) {
      if (!message.message) throw new Error("say something")
      yield text("a")
    }),
    check: "without text",
    reason: /say something/,
  },
  "changes its context": {
    handler: bot(async function* ({ message }) {
      message.message = "mine"
      yield text("a")
    }),
    check: "changes nothing",
    reason: /throws TypeError/,
  },
  "keeps what was said in the module": {
    handler: bot(async function* ({ message }) {
      last = message.message ?? ""
      await Bun.sleep(1)
      yield text(last)
    }),
    check: "two runs",
    reason: /in the answer to one is what was said to the other: omega/,
  },
  "begins although it was stopped": {
    handler: bot(async function* () {
      yield text("a")
      yield text("b")
    }),
    check: "before the start",
    reason: /yields 2 events although/,
  },
  "goes on after its stop": {
    handler: bot(async function* () {
      for (let word = 0; word < 9; word++) yield text("word ")
    }),
    check: "stopped in the middle",
    reason: /yields 8 events more; look at the signal/,
  },
  "does not hear of its stop": {
    handler: bot(async function* () {
      yield text("a")
      await Bun.sleep(5000)
    }),
    check: "stopped in the middle",
    reason: /does not end within 500 ms of its stop/,
  },
  "does not let go of its reader": {
    handler: bot(async function* () {
      try {
        yield text("a")
      } finally {
        await new Promise(() => {})
      }
    }),
    check: "left in the middle",
    reason: /when nobody reads on/,
  },
  "says more after its question": {
    handler: bot(async function* () {
      yield { type: "question", prompt: "Who?" }
      yield text("by the way")
    }),
    check: "follows a question",
    reason: /after its question come 1 events more/,
  },
  "asks nothing where it should": {
    handler: bot(sayHello),
    given: { asking: {} },
    check: "follows a question",
    reason: /it asks nothing/,
  },
  "does not know its own command": {
    handler: bot(
      async function* ({ message }) {
        if (message.kind === "command") throw new Error("what?")
        yield text("a")
      },
      { commands: [{ name: "go", description: "goes" }] },
    ),
    check: "commands",
    reason: /what\?/,
  },
  "begins at the beginning after a crash": {
    handler: bot(
      async function* () {
        yield text("one ")
        yield { type: "checkpoint", checkpoint: 1 }
        yield text("two")
      },
      { resumable: true },
    ),
    check: "checkpoints",
    reason: /from the checkpoint after event 2 it says 'one one two' instead of 'one two'/,
  },
  "does not close": {
    handler: bot(sayHello, { close: () => Promise.reject(new Error("stuck")) }),
    check: "lets go",
    reason: /stuck/,
  },
}

for (const [what, { handler, given = {}, check, reason }] of Object.entries(wrong)) {
  test(`a bot that ${what} is told so`, async () => {
    expect((await faultsOf(handler, given))[named(check)]).toMatch(reason)
  })
}

test("a bot that goes on from its checkpoints, and counts nothing between runs, passes", async () => {
  const counter = bot(
    async function* ({ checkpoint, signal }) {
      for (let number = typeof checkpoint === "number" ? checkpoint : 0; number < 3; number++) {
        if (signal.aborted) return
        yield text(`${number} `)
        yield { type: "checkpoint", checkpoint: number + 1 }
      }
    },
    { resumable: true },
  )
  expect(await faultsOf(counter)).toEqual({})
})

test("what differs each time, as a model's words do, is only run on, not compared", async () => {
  const model = bot(
    async function* ({ signal }) {
      if (signal.aborted) return
      shared += 1
      yield text(`answer ${shared}`)
      yield { type: "checkpoint", checkpoint: shared }
    },
    { resumable: true },
  )
  expect(await faultsOf(model)).toEqual({})
})
