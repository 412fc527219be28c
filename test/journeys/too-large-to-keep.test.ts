// An answer, or what a bot leaves for its next turn, that no server would store: the turn ends all the same, and the chat goes on.
import { expect, test } from "bun:test"
import { z } from "zod"
import { delay } from "../../src/clock.ts"
import { defineHandler, type HandlerEvent } from "../../src/handlers/handler.ts"
import { startTestServer } from "../support/server.ts"
import { noSqld, startSqld } from "../support/sqld.ts"

function* large(kind: string | null): Generator<HandlerEvent> {
  yield { type: "text", text: "It begins. " }
  if (kind === "checkpoint") yield { type: "checkpoint", checkpoint: "汉".repeat(1_700_000) }
  // Each within its limit of UTF-16 units; as JSON in UTF-8 more than a libSQL server takes.
  if (kind === "controls") yield { type: "text", text: "\u0001".repeat(900_000) }
  if (kind === "parts")
    for (let call = 0; call < 100; call++) {
      const tool = {
        tool_call_id: `call_${call}`,
        name: "read",
        state: "completed" as const,
        output: "汉".repeat(19_000),
      }
      yield { type: "tool", tool }
    }
}

const bot = defineHandler({
  name: "large",
  description: "says too much",
  options: z.looseObject({}),
  async *run({ message, clock }) {
    for (const event of large(message.message)) {
      yield event
      // The client is to keep up.
      await delay(clock, 2)
    }
  },
})

const errors: Record<string, string> = {
  parts: "handler_flooded",
  controls: "handler_flooded",
  checkpoint: "checkpoint_too_large",
}

for (const [kind, code] of Object.entries(errors)) {
  test.skipIf(noSqld !== null)(
    `[P4.4] a turn with more ${kind} than the store takes ends as failed, and the next one runs`,
    async () => {
      await using sqld = await startSqld()
      const secret = "a secret for tests, which is long enough"
      await using chat = await startTestServer({
        handlers: { large: bot },
        env: { DATABASE_URL: sqld.url, JWT_SECRET: secret },
      })
      const client = await chat.connect({ chat: "c1" })
      await client.say(kind)
      const { data: end } = await client.next("end")
      expect(end).toMatchObject({ state: "failed", reason: code })
      const result = client.frames.findLast(({ type }) => type === "result")
      expect(result?.data).toMatchObject({ message: expect.stringMatching(/^It begins\. /), state: "failed" })
      await client.say("again")
      const { data: next } = await client.next("end", ({ data }) => data.turn_id !== end.turn_id)
      expect(next.state).toBe("completed")
    },
    15_000,
  )
}
