// The command line of `bun run chat`.
import { parseArgs } from "node:util"
import { resolveSecret } from "../../auth/secret.ts"
import { issueToken } from "../../auth/token.ts"
import type { TokenSource } from "../../client/token.ts"
import { systemClock } from "../../clock.ts"
import { givenToken, loadConfig } from "../../config.ts"
import { ChatType } from "../../protocol/session.ts"
import type { Config } from "../../settings.ts"
import { UsageError } from "../start-up.ts"

export const usage = `usage: bun run chat [--url ws://host:port] [--flow <flow_id>] [--type <chat type>] [--chat <chat_id>]
                    [--lang en|zh] [--token <jwt> | --user <number>]
A chat type is NORMAL, WORKFLOW, ASSISTANT or LINSIGHT.
Without --chat the most recent chat goes on. Without --token (or TOKEN) a token for --user (1) is made with the local secret.`

export interface ChatCommandOptions {
  /** ws:// or wss://, without a slash at the end. */
  readonly url: string
  /** http:// or https:// of the same service. */
  readonly rest: string
  readonly flow: string | undefined
  readonly type: ChatType | undefined
  readonly chat: string | undefined
  readonly lang: string | undefined
  readonly token: TokenSource
}

/** Null: only help is wanted. Throws UsageError, or ConfigError when the local configuration is needed and wrong. */
export function readOptions(args: string[]): ChatCommandOptions | null {
  const { url, token = givenToken(), user, flow, type, chat, lang, help } = parse(args)
  if (help) return null
  if (!/^\d{1,15}$/.test(user)) throw new UsageError(`--user must be a number\n${usage}`)
  const address = url ?? addressOf(loadConfig())
  if (!URL.canParse(address) || !/^(ws|http)s?:$/.test(new URL(address).protocol)) {
    throw new UsageError(`--url must be like ws://127.0.0.1:3000, not ${address}\n${usage}`)
  }
  const chatType = ChatType.optional().safeParse(type?.toUpperCase())
  if (!chatType.success) throw new UsageError(`--type must be one of ${ChatType.options.join(", ")}\n${usage}`)
  const place = address.replace(/\/+$/, "")
  return {
    url: place.replace(/^http/, "ws"),
    rest: place.replace(/^ws/, "http"),
    flow,
    type: chatType.data,
    chat,
    lang,
    token: token || (() => mint(Number(user))),
  }
}

function parse(args: string[]) {
  const text = { type: "string" } as const
  try {
    return parseArgs({
      args,
      options: {
        url: text,
        token: text,
        user: { ...text, default: "1" },
        flow: text,
        type: text,
        chat: text,
        lang: text,
        help: { type: "boolean", short: "h" },
      },
    }).values
  } catch (cause) {
    throw new UsageError(`${cause instanceof Error ? cause.message : String(cause)}\n${usage}`)
  }
}

/** Where the service of this configuration is reached from this machine. */
function addressOf({ host, port }: Config): string {
  const reachable = { "0.0.0.0": "127.0.0.1", "::": "::1" }[host] ?? host
  return `ws://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`
}

async function mint(user_id: number): Promise<string> {
  return issueToken(await resolveSecret(loadConfig()), { user_id, role: "user", ttl_s: 3600 }, systemClock)
}
