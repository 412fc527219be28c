// bun run token --user 1 [--role admin] [--ttl 1h]: prints a token for this service, and nothing else, on standard output.
import { parseArgs } from "node:util"
import { resolveSecret } from "../auth/secret.ts"
import { issueToken, Role } from "../auth/token.ts"
import { systemClock } from "../clock.ts"
import { loadConfig } from "../config.ts"
import { fail, UsageError } from "./start-up.ts"

const usage =
  "usage: bun run token --user <number> [--role user|admin] [--ttl <number>s|m|h|d]   (default: --role user --ttl 1h)"

try {
  process.stdout.write(`${await printed(Bun.argv.slice(2))}\n`)
} catch (error) {
  fail(error)
}

async function printed(args: string[]): Promise<string> {
  const { user, role, ttl } = read(args)
  if (user === undefined || !/^\d{1,15}$/.test(user)) throw new UsageError(`--user must be a number\n${usage}`)
  const known = Role.safeParse(role)
  if (!known.success) throw new UsageError(`--role must be user or admin\n${usage}`)
  const secret = await resolveSecret(loadConfig())
  return issueToken(secret, { user_id: Number(user), role: known.data, ttl_s: seconds(ttl) }, systemClock)
}

function read(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        user: { type: "string" },
        role: { type: "string", default: "user" },
        ttl: { type: "string", default: "1h" },
      },
    }).values
  } catch (cause) {
    throw new UsageError(`${cause instanceof Error ? cause.message : String(cause)}\n${usage}`)
  }
}

function seconds(ttl: string): number {
  const [, amount, unit = "s"] = /^(\d{1,6})([smhd])?$/.exec(ttl) ?? []
  const factor = { s: 1, m: 60, h: 3600, d: 86_400 }[unit]
  if (amount === undefined || factor === undefined || Number(amount) === 0)
    throw new UsageError(`--ttl must be like 90s, 15m, 1h or 7d\n${usage}`)
  return Number(amount) * factor
}
