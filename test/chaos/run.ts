// bun run chaos [--minutes N] [--seed S] [--instances 3]: breaks whatever can break, for so long, and judges what is left.
// The exit code is 0 when every promise was kept, 1 when not, 2 when something that it needs is not on this machine.
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { natsServer } from "../support/nats.ts"
import { noSqld } from "../support/sqld.ts"
import { answerTo } from "./bots.ts"
import { chaos } from "./chaos.ts"
import { judge } from "./checker.ts"
import { reportOf } from "./report.ts"

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "1" },
    seed: { type: "string", default: String(crypto.getRandomValues(new Uint32Array(1))[0]) },
    instances: { type: "string", default: "3" },
    chats: { type: "string", default: "5" },
  },
})
const minutes = numberOf("minutes", 0.05, 600)
const [seed, instances, chats] = [
  numberOf("seed", 0, 4_294_967_295),
  numberOf("instances", 1, 10),
  numberOf("chats", 1, 100),
]
const missing = noSqld ?? (natsServer ? null : "nats-server is not on this machine")
if (missing !== null) leave(2, `no chaos: ${missing}`)

process.stdout.write(`chaos: seed ${seed}, ${minutes} minutes, ${instances} instances, ${chats} chats\n`)
const asked = new AbortController()
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => asked.abort())
const result = await chaos({
  // Whatever hangs, the run does not.
  signal: AbortSignal.any([asked.signal, AbortSignal.timeout(minutes * 60_000 + 240_000)]),
  ...{ seed, instances, chats, length_ms: minutes * 60_000, quiet_ms: 60_000 },
  say: (words) => process.stdout.write(`  ${words}\n`),
}).catch((error: unknown) => leave(1, asked.signal.aborted ? "asked to end" : Bun.inspect(error)))
const violations = judge(result.history, answerTo)
process.stdout.write(`${reportOf(result, violations)}\n`)
if (violations.length > 0 || Bun.env.CHAOS_KEEP) {
  const path = join(tmpdir(), `bisheng-chat-chaos-${seed}-${Date.now()}.json`)
  await Bun.write(path, JSON.stringify({ seed, ...result, violations }, null, 1))
  process.stdout.write(`the history: ${path}\n`)
}
process.stdout.write(
  violations.length > 0
    ? `again: bun run chaos --seed ${seed} --minutes ${minutes} --instances ${instances}\n`
    : "every promise was kept\n",
)
process.exit(violations.length > 0 ? 1 : 0)

function numberOf(name: keyof typeof values, least: number, most: number): number {
  const number = Number(values[name])
  if (number >= least && number <= most) return number
  return leave(1, `--${name} must be a number from ${least} to ${most}`)
}

function leave(code: number, why: string): never {
  process.stderr.write(`${why}\n`)
  process.exit(code)
}
