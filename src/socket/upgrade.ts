// From a request to a socket: who comes, from where, for which chat. What is wrong is told over the socket (P1.4), since
// a browser cannot read the answer to a refused upgrade.
import { z } from "zod"
import { isAllowedOrigin } from "../auth/origin.ts"
import { type Principal, verifyToken } from "../auth/token.ts"
import type { Clock } from "../clock.ts"
import { ChatError } from "../errors.ts"
import { chooseLanguage, type Language } from "../language/language.ts"
import { problemFor } from "../language/problem.ts"
import { ChatId, FlowId } from "../protocol/ids.ts"
import { ChatType } from "../protocol/session.ts"
import type { Config } from "../settings.ts"
import type { Connection } from "./connection.ts"

export type Visit =
  | { readonly ok: true; readonly principal: Principal; readonly request: z.infer<typeof ChatUrl> }
  | { readonly ok: false; readonly error: ChatError }

/** What Bun keeps with a socket. */
export interface SocketData {
  /** Null once it has become a connection. */
  visit: Visit | null
  readonly language: Language
  connection: Connection | null
}

const ChatUrl = z.object({
  flow_id: FlowId,
  chat_id: ChatId.optional(),
  chat_type: ChatType.optional(),
})

export interface UpgradeDeps {
  readonly secret: Uint8Array
  readonly clock: Clock
  readonly config: Config
}

/** Is this somebody who wants a WebSocket at /chat/{flow_id}? */
export function isChatUpgrade(request: Request): boolean {
  if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") return false
  // Bun makes the URL of the Host header, whatever that is; one that is no URL is not for us.
  const url = URL.parse(request.url)
  return url !== null && flowOf(url) !== undefined
}

export async function readVisit(request: Request, deps: UpgradeDeps): Promise<SocketData> {
  const url = new URL(request.url)
  const language = chooseLanguage(url.searchParams.get("lang"), request.headers.get("accept-language"))
  try {
    checkOrigin(request, url, deps.config.chat.allowed_origins)
    const principal = await verifyToken(deps.secret, tokenOf(request.headers), deps.clock)
    const address = { ...Object.fromEntries(url.searchParams), flow_id: flowOf(url) }
    const asked = ChatUrl.safeParse(address)
    if (!asked.success) {
      const problem = problemFor(language, ChatUrl, address, asked.error)
      throw new ChatError("bad_url", { params: { problem } })
    }
    return { visit: { ok: true, principal, request: asked.data }, language, connection: null }
  } catch (error) {
    return { visit: { ok: false, error: ChatError.from(error) }, language, connection: null }
  }
}

/** The header that selects the subprotocol when the client offered it (RFC 6455, 4.2.2). */
export function answerHeaders(request: Request): Record<string, string> {
  return subprotocols(request.headers)[0] === "bearer" ? { "sec-websocket-protocol": "bearer" } : {}
}

function flowOf(url: URL): string | undefined {
  const segment = /^\/chat\/([^/]+)\/?$/.exec(url.pathname)?.[1]
  if (segment === undefined) return undefined
  try {
    return decodeURIComponent(segment)
  } catch {
    // Not percent-encoding at all: the schema of flow_id says what is wrong with it.
    return segment
  }
}

function tokenOf(headers: Headers): string | null {
  const [scheme, token] = (headers.get("authorization") ?? "").split(/\s+/)
  if (scheme?.toLowerCase() === "bearer" && token) return token
  const offered = subprotocols(headers)
  return offered[0] === "bearer" ? (offered[1] ?? null) : null
}

function subprotocols(headers: Headers): string[] {
  return (headers.get("sec-websocket-protocol") ?? "").split(",").map((word) => word.trim())
}

function checkOrigin(request: Request, url: URL, allowed: readonly string[]): void {
  const origin = request.headers.get("origin")
  if (!origin || isAllowedOrigin(allowed, origin) || URL.parse(origin)?.host === url.host) return
  throw new ChatError("origin_forbidden", { params: { origin: origin.slice(0, 200) } })
}
