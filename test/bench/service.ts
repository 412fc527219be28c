// The service as a process under measure: the parent asks over IPC, the answers carry this process's CPU and memory.
import { z } from "zod"
import { resolveSecret } from "../../src/auth/secret.ts"
import { issueToken } from "../../src/auth/token.ts"
import { systemClock } from "../../src/clock.ts"
import { loadConfig } from "../../src/config.ts"
import { defineHandler } from "../../src/handlers/handler.ts"
import { silentLog } from "../../src/log.ts"
import { startServer } from "../../src/server.ts"
import { stamped } from "./pace.ts"
import { answerQuestions } from "./peers/answer.mjs"

const options = z.looseObject({})
const bots = [
  defineHandler({
    name: "quiet",
    description: "answers at once with one word",
    options,
    async *run() {
      yield { type: "text", text: "ok" }
    },
  }),
  defineHandler({
    name: "busy",
    description: "works until it is stopped, so that what is said to it waits in line",
    options,
    async *run({ signal }) {
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }))
    },
  }),
  defineHandler({
    name: "stream",
    description: "streams stamped deltas; is told how many, and how many milliseconds apart",
    options,
    async *run({ message }) {
      const [count, every] = numbersIn(message.message)
      for await (const text of stamped(count, every)) yield { type: "text", text }
    },
  }),
  defineHandler({
    name: "steps",
    description: "tells of steps in bursts; is told how many, how many in each, and how many milliseconds apart",
    options,
    async *run({ message }) {
      const [bursts, size, every] = numbersIn(message.message)
      for (let burst = 0; burst < bursts; burst++) {
        for (let n = 0; n < size; n++)
          yield { type: "step", step: { step_id: `s${n}`, name: "searching", state: "running" } }
        await new Promise((resolve) => setTimeout(resolve, every))
      }
    },
  }),
]

const config = loadConfig()
const server = await startServer(config, silentLog, {
  handlers: Object.fromEntries(bots.map((bot) => [bot.name, bot])),
})
const token = await issueToken(await resolveSecret(config), { user_id: 1, role: "user", ttl_s: 36_000 }, systemClock)

answerQuestions(
  { url: server.url.replace(/^http/, "ws"), token },
  {
    // Its end is not measured: at once, however many turns are open.
    stop: () => undefined,
    /** Says something durable, `count` times, one each `every` milliseconds, in the one chat that is looked at. */
    async speak({ count, every, text }: { count: number; every: number; text: string }) {
      const [active] = server.manager.getActiveSessions()
      if (!active) throw new Error("nobody is here to be spoken to")
      for (let said = 0; said < count; said++) {
        await server.manager.sendMessage(active.session.id, text, "bench")
        await new Promise((resolve) => setTimeout(resolve, every))
      }
    },
  },
)

function numbersIn(text: string | null): [number, number, number] {
  const [a = 0, b = 0, c = 0] = (text ?? "").split(" ").map(Number)
  return [a, b, c]
}
