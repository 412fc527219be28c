// The bot of a chaos run. What it says follows from what it was asked, so the checker knows every answer by heart.
import { z } from "zod"
import { delay } from "../../src/clock.ts"
import { defineHandler, type HandlerContext, type HandlerEvent } from "../../src/handlers/handler.ts"
import type { TurnEnd } from "../../src/protocol/turn.ts"
import { seeded } from "../support/random.ts"

/** How it behaves; the first word of the question says which. */
export const manners = ["stream", "slow", "long", "silent", "sleepy", "ask", "throw"] as const
export type Manner = (typeof manners)[number]

export interface Performance {
  readonly pieces: readonly string[]
  /** Milliseconds before the first piece, and before each. */
  readonly before: number
  readonly between: number
  /** How the turn ends when nobody and nothing interrupts it. */
  readonly end: Exclude<TurnEnd, "interrupted">
}

const emoji = "😀"

/** What it does when it is asked this. */
export function performanceOf(question: string): Performance {
  const manner = manners.find((each) => question.startsWith(`${each} `)) ?? "stream"
  const random = seeded(Bun.hash.xxHash32(question))
  const words = (count: number) => Array.from({ length: count }, (_, place) => `${place}${emoji} `)
  // Cut in the middle of the pairs as well: joined, they are whole again.
  const text = (count: number) => cut(`to "${question}": ${words(count).join("")}.`, random.between(5, 9))
  const quick = { before: random.between(0, 40), between: random.between(5, 60), end: "completed" } as const
  switch (manner) {
    case "stream":
      return { ...quick, pieces: text(random.between(3, 20)) }
    case "slow":
      return { ...quick, pieces: text(random.between(8, 12)), between: random.between(200, 400) }
    case "long":
      return { ...quick, pieces: cut(`to "${question}": ${words(1200).join("")}`, 300) }
    case "silent":
      return { ...quick, pieces: [], before: random.between(0, 1500) }
    case "sleepy":
      return { ...quick, pieces: text(4), before: random.between(2000, 5000) }
    case "ask":
      return { ...quick, pieces: text(3), end: "waiting_input" }
    case "throw":
      return { ...quick, pieces: text(4), end: "failed" }
  }
}

/** All that it says when nothing interrupts it. */
export function answerTo(question: string): string {
  return performanceOf(question).pieces.join("")
}

const description = "streams, dawdles, keeps silent, asks back, or throws"
const options = z.looseObject({})

/** What it was doing is lost when its instance dies. */
export const chaosBot = defineHandler({ name: "chaos", description, options, run: perform })

/** It goes on where it was, on whatever instance. */
export const resumableBot = defineHandler({ name: "resumable", description, options, resumable: true, run: perform })

/** How many pieces were said. */
const Place = z.object({ place: z.int() })

async function* perform(context: HandlerContext): AsyncGenerator<HandlerEvent> {
  const { message, signal, clock, resuming, checkpoint } = context
  const { pieces, before, between, end } = performanceOf(message.message ?? "")
  const said = resuming ? Place.parse(checkpoint).place : 0
  if (said === 0) await delay(clock, before, signal)
  for (const [place, text] of pieces.entries()) {
    if (place < said) continue
    if (signal.aborted) return
    yield { type: "text", text }
    // Not within a character: what stands would end with half of it.
    const whole = pieces
      .slice(0, place + 1)
      .join("")
      .isWellFormed()
    if (place % 3 === 2 && whole) yield { type: "checkpoint", checkpoint: { place: place + 1 } }
    await delay(clock, between, signal)
  }
  if (signal.aborted) return
  if (end === "waiting_input") yield { type: "question", prompt: "What else?" }
  if (end === "failed") throw new Error("as it was asked to")
}

function cut(text: string, length: number): string[] {
  return Array.from({ length: Math.ceil(text.length / length) }, (_, place) =>
    text.slice(place * length, (place + 1) * length),
  )
}
