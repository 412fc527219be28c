// Counts to a hundred, and after a crash goes on from where it was: a resumable bot as a plug-in module.
import { z } from "zod"
import { delay } from "../../../src/clock.ts"
import { defineHandler } from "../../../src/handlers/handler.ts"

const Checkpoint = z.object({ counted: z.int() })

export default defineHandler({
  name: "counter",
  description: "counts, and goes on counting after a crash",
  options: z.strictObject({ delay_ms: z.number().default(20), to: z.int().default(100) }),
  resumable: true,
  async *run({ checkpoint, resuming, options, signal, clock }) {
    const counted = resuming ? Checkpoint.parse(checkpoint).counted : 0
    for (let number = counted + 1; number <= options.to; number++) {
      yield { type: "text", text: `${number} ` }
      if (number % 10 === 0) yield { type: "checkpoint", checkpoint: { counted: number } }
      await delay(clock, options.delay_ms, signal)
      if (signal.aborted) return
    }
  },
})
