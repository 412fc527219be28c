// What every handler must do, whatever it talks to (handlers/handler.ts). Run by `bun run handler-check` for those of others, and by
// test/contract for our own.
import type { Part } from "../../protocol/message.ts"
import { faultsOfHandler } from "../module.ts"
import { checkOptions } from "../options.ts"
import { exchange, joined, message } from "./context.ts"
import { resumes } from "./resumes.ts"
import { stopChecks } from "./stops.ts"
import { finished, must, mustBeEvents, type Subject, within } from "./trial.ts"

export interface Check {
  /** A sentence about the handler. */
  readonly name: string
  /** Throws when it does not hold. A sentence back: why it could not be tried. */
  run(subject: Subject): Promise<string | undefined>
}

const unicode = "Zażółć gęślą jaźń — 你好，世界 👩‍👩‍👧‍👦 🇨🇳 שלום مرحبا e\u0301 \u{20BB7}"
const file: Part = { type: "file", name: "a b.pdf", url: "https://files.test/1", mime_type: "application/pdf" }
const answer: Part = { type: "input", input_id: "inp_1", answer: { approved: true } }

export const checks: readonly Check[] = [
  {
    name: "it says what it is, and takes the options that it is run with",
    async run({ handler, options, endless, asking }) {
      const faults = faultsOfHandler(handler)
      must(faults.length === 0, faults.join("; "))
      for (const given of [options, endless ?? options, asking ?? options]) {
        const checked = await checkOptions(handler, given)
        if ("faults" in checked)
          must(false, checked.faults.map(({ path, problem }) => `${path}: ${problem}`).join("; "))
      }
      return undefined
    },
  },
  {
    name: "it ends, and all that it yields are events",
    async run(subject) {
      const { events } = await finished(subject, "Hello")
      must(events.length > 0, "it says nothing")
      mustBeEvents(events)
      return undefined
    },
  },
  {
    name: "it takes every script there is, and cuts no character in two",
    async run(subject) {
      const { events } = await finished(subject, unicode)
      mustBeEvents(events)
      if (subject.repeats) must(joined(events).includes(unicode), `of ${unicode} comes back: ${joined(events)}`)
      return undefined
    },
  },
  {
    name: "it works without a history and with a long one",
    async run(subject) {
      const reasoning: Part = { type: "reasoning", text: "hm" }
      const history = Array.from({ length: 500 }, (_, index) =>
        exchange({ message: `question ${index}` }, { message: `answer ${index}`, parts: [reasoning] }),
      )
      for (const past of [[], history]) {
        const { events } = await finished(subject, "What now?", { history: past })
        if (subject.repeats) must(joined(events).includes("What now?"), `it answers something else: ${joined(events)}`)
      }
      return undefined
    },
  },
  {
    name: "it takes files, answers, and a message without text",
    async run(subject) {
      for (const parts of [[file], [answer], []]) {
        await finished(subject, "", { message: message({ message: "", parts }) })
      }
      return undefined
    },
  },
  {
    name: "it changes nothing in what it is given",
    async run(subject) {
      const given = { message: message(), history: [exchange({}, {})], checkpoint: { at: ["start"] } }
      const before = structuredClone(given)
      // Frozen as well: who tries throws.
      await finished(subject, "", given)
      must(Bun.deepEquals(given, before), "its context is not what it was before")
      return undefined
    },
  },
  {
    name: "two runs at the same time know nothing of each other",
    async run(subject) {
      const words = ["alpha", "omega"]
      const runs = await Promise.all(words.map((word) => finished(subject, `${word} ${word} ${word}`)))
      runs.forEach(({ events }, index) => {
        const said = joined(events)
        must(!said.includes(words[1 - index] ?? ""), `in the answer to one is what was said to the other: ${said}`)
        if (subject.repeats) must(said.includes(words[index] ?? ""), `the answer is not to what was said: ${said}`)
      })
      return undefined
    },
  },
  ...stopChecks,
  {
    name: "nothing follows a question",
    async run(subject) {
      const { events } = await finished(subject, "Hello", { options: subject.asking ?? subject.options })
      const place = events.findIndex(({ type }) => type === "question")
      must(place >= 0 || subject.asking === undefined, "it asks nothing")
      must(place < 0 || place === events.length - 1, `after its question come ${events.length - 1 - place} events more`)
      return place < 0 ? "it asked nothing" : undefined
    },
  },
  {
    name: "it takes each of its commands, with words and without",
    async run(subject) {
      const commands = subject.handler.commands ?? []
      for (const { name } of commands) {
        for (const text of [`/${name}`, `/${name} some words`]) {
          const { events } = await finished(subject, text, { message: message({ kind: "command", message: text }) })
          must(events.length > 0, `to ${text} it says nothing`)
          mustBeEvents(events)
        }
      }
      return commands.length === 0 ? "it has none" : undefined
    },
  },
  { name: "it goes on from each of its checkpoints", run: resumes },
]

/** The last one, since nothing can be run after it. */
export const closes: Check = {
  name: "it lets go of what it keeps open",
  async run({ handler }) {
    if (!handler.close) return "it keeps nothing open"
    await within(
      5000,
      Promise.try(() => handler.close?.()),
      "close() does not end within 5 s",
    )
    return undefined
  },
}
