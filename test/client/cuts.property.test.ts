// Whatever people, bots, wires and the service do, in whatever order: nothing is lost, doubled or left behind, and every
// client ends with the same picture. A failing seed is run again with CUTS_SEED=...
import { expect, test } from "bun:test"
import fc from "fast-check"
import { turnOfTheLoop } from "../support/clock.ts"
import { type BotAct, CutWorld } from "./cut-world.ts"
import type { Cut } from "./cutting-wire.ts"

const seed = Number(Bun.env.CUTS_SEED ?? Math.floor(Math.random() * 2 ** 31))

type Policy = "enqueue" | "merge" | "latest" | "interrupt"
type Act =
  | { readonly act: "say"; readonly at: number; readonly id: number; readonly count: number; readonly policy: Policy }
  | { readonly act: "name"; readonly at: number; readonly id: number }
  | { readonly act: "edit"; readonly at: number; readonly text: string }
  | { readonly act: "cut"; readonly at: number; readonly cut: Cut | null }
  | { readonly act: "interrupt" | "status" | "reload" | "shortToken"; readonly at: number }
  | { readonly act: "bot"; readonly does: BotAct; readonly text: string }
  | { readonly act: "restart" | "connected" | "expectSame" }

interface Step {
  readonly does: Act
  /** How much happens before the next one: turns of the event loop. */
  readonly turns: number
}

const at = fc.nat(1)
const of = <const A extends string>(act: A, weight: number) => ({
  weight,
  arbitrary: fc.record({ act: fc.constant(act), at }),
})
const cut: fc.Arbitrary<Cut> = fc.record({
  way: fc.constantFrom("in" as const, "out" as const),
  after: fc.nat(7),
  lost: fc.boolean(),
})
const acts: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      act: fc.constant("say" as const),
      at,
      id: fc.nat(9),
      count: fc.constantFrom(1, 1, 1, 2, 20),
      policy: fc.constantFrom<Policy[]>("enqueue", "enqueue", "enqueue", "merge", "latest", "interrupt"),
    }),
  },
  { weight: 1, arbitrary: fc.record({ act: fc.constant("name" as const), at, id: fc.nat(3) }) },
  { weight: 6, arbitrary: fc.record({ act: fc.constant("cut" as const), at, cut: fc.option(cut, { freq: 4 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ act: fc.constant("edit" as const), at, text: fc.constantFrom("other", "words") }),
  },
  of("interrupt", 2),
  of("status", 1),
  of("reload", 2),
  of("shortToken", 1),
  {
    weight: 14,
    arbitrary: fc.record({
      act: fc.constant("bot" as const),
      does: fc.constantFrom<BotAct[]>(
        "say",
        "say",
        "say",
        "say",
        "say",
        "think",
        "think",
        "end",
        "ask",
        "fail",
        "title",
      ),
      text: fc.constantFrom("word ", "two words ", "漢字", "😀"),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ act: "restart" as const }) },
  { weight: 2, arbitrary: fc.constant({ act: "connected" as const }) },
  { weight: 2, arbitrary: fc.constant({ act: "expectSame" as const }) },
)
const steps = fc.array(fc.record({ does: acts, turns: fc.constantFrom(0, 0, 1, 3, 10, 30) }), {
  minLength: 5,
  maxLength: 40,
  size: "max",
})

async function play(resumable: boolean, script: readonly Step[]): Promise<void> {
  await using world = await CutWorld.open({ resumable })
  for (const { does, turns } of script) {
    await act(world, does)
    for (let turn = 0; turn < turns; turn++) await turnOfTheLoop()
  }
  await world.expectRight()
}

async function act(world: CutWorld, does: Act): Promise<void> {
  switch (does.act) {
    case "say":
      for (let n = 0; n < does.count; n++) {
        const id = `${does.id}-${n}`
        world.say(does.at, { kind: "text", text: `text ${id}`, policy: does.policy }, id)
      }
      return
    case "name":
      return world.say(does.at, { kind: "command", command: `/title ${does.id}` }, `title-${does.id}`)
    case "edit":
      return world.edit(does.at, does.text)
    case "cut":
      return world.cut(does.at, does.cut)
    case "bot":
      return world.bot(does.does, does.text)
    case "restart":
    case "connected":
    case "expectSame":
      return world[does.act]()
    default:
      return world[does.act](does.at)
  }
}

test(`[P3.3, P4.1, P5.2, P5.3, P5.8, P6.1, P6.3, P6.9, P6.10] whatever breaks and whenever, all is there once, in order, and every client shows the same (seed ${seed})`, async () => {
  let runs = 0
  const property = fc.asyncProperty(fc.boolean(), steps, (resumable, script) => {
    runs += 1
    return play(resumable, script)
  })
  await fc.assert(property, { seed, numRuns: 50, interruptAfterTimeLimit: 12_000 })
  expect(runs).toBeGreaterThan(5)
}, 60_000)
