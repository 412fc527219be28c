// What the operator reads at the start: one block when it worked, one sentence when it did not.

import type { RunningServer } from "../server.ts"
import type { Config } from "../settings.ts"

/** Where it listens, which database, which bots, and the line to try it with. */
export function startUpText({ url, database, bots }: RunningServer, config: Config): string {
  const address = url.replace(/^http/, "ws")
  const rows = [
    ["listens on", `${url}   (REST: ${url}/docs, health: ${url}/readyz)`],
    ["database", database],
    [
      "bots",
      bots
        .map(({ flow_id, chat_type, handler }) => `${address}/chat/${flow_id} ${chat_type} -> ${handler}`)
        .join("\n               "),
    ],
    ["secret", config.jwt_secret ? "JWT_SECRET" : `${config.data_dir}/jwt-secret`],
    ["try it", `npx -y bun@${Bun.version} run chat --url ${address}${chosen(bots[0])}`],
    ["", `npx -y bun@${Bun.version} run token --user 1`],
  ]
  const width = 11
  return `\nbisheng-chat is ready\n${rows.map(([name, text]) => `  ${name?.padEnd(width)}  ${text}\n`).join("")}\n`
}

/** The words that lead to this bot, where it is not the one that everybody gets without them. */
function chosen(bot: RunningServer["bots"][number] | undefined): string {
  const flow_id = bot?.flow_id.replace("*", "")
  const flow = flow_id && bot ? ` --flow ${bot.flow_id.endsWith("*") ? `${flow_id}1` : flow_id}` : ""
  return `${flow}${!bot || bot.chat_type === "NORMAL" ? "" : ` --type ${bot.chat_type}`}`
}

/** Says what is wrong and leaves with 1. Expected faults are sentences; the rest comes with its stack. */
export function fail(error: unknown): never {
  const expected =
    error instanceof Error &&
    ["ConfigError", "DatabaseError", "PortError", "SecretError", "UsageError"].includes(error.name)
  process.stderr.write(
    `${expected ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  )
  process.exit(1)
}

/** The command line was not right. */
export class UsageError extends Error {
  override readonly name = "UsageError"
}
