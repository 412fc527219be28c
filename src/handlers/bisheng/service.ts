// A Bisheng installation: where it is, how it is spoken to, and how it refuses, which it mostly does with HTTP 200.
import { z } from "zod"
import { ChatError } from "../../errors.ts"
import { refusal, unreachable } from "./refusal.ts"
import { createSecrets, type Secrets } from "./secrets.ts"

const word = z.string().trim().min(1)
export const seconds = z.number().positive().max(86_400)

export const serviceOptions = {
  /** Of the Bisheng installation, or of the gateway before it: https://bisheng.example.org */
  base_url: z
    .url({ protocol: /^https?$/, error: "must be an http(s) address" })
    .refine(
      (url) => !new URL(url).username && !new URL(url).password,
      "credentials go into headers, not into the address",
    )
    .transform((url) => url.replace(/\/+$/, "")),
  /** Further headers of each request, as a gateway may ask for. */
  headers: z.record(word, z.string()).default({}),
}

export interface ServiceOptions {
  readonly base_url: string
  readonly headers: Readonly<Record<string, string>>
  /** The JWT that Bisheng's own pages send as a cookie. */
  readonly cookie_token?: string | undefined
}

export interface ServiceRequest {
  readonly method?: "GET" | "POST"
  readonly path: string
  /** Sent as JSON. */
  readonly body?: unknown
  readonly form?: FormData
  readonly signal: AbortSignal
}

export interface Service {
  readonly base_url: string
  readonly headers: Readonly<Record<string, string>>
  readonly secrets: Secrets
  /** The answer when it is a stream: JSON, or a login page, is none. Throws a ChatError then. */
  stream(request: ServiceRequest): Promise<Response>
  /** The `data` of the answer's envelope. Throws a ChatError when the envelope, or the status, says that it was refused. */
  call(request: ServiceRequest): Promise<unknown>
  /** The answer, whatever it is. */
  send(request: ServiceRequest): Promise<Response>
}

/** Bytes of an answer that is not a stream. */
const largest = 16 * 1024 * 1024

export const Envelope = z.looseObject({
  status_code: z.number(),
  status_message: z.unknown().optional(),
  data: z.unknown().optional(),
})

export function createService({ base_url, headers, cookie_token }: ServiceOptions): Service {
  const cookie = cookie_token === undefined ? {} : { cookie: `access_token_cookie=${cookie_token}` }
  const all = { ...headers, ...cookie }
  const secrets = createSecrets([...Object.values(headers), ...(cookie_token === undefined ? [] : [cookie_token])])

  const send = async ({ method = "POST", path, body, form, signal }: ServiceRequest): Promise<Response> => {
    try {
      return await fetch(`${base_url}${path}`, {
        method,
        headers: { ...all, ...(body === undefined ? {} : { "content-type": "application/json" }) },
        ...(body === undefined ? (form ? { body: form } : {}) : { body: JSON.stringify(body) }),
        // A redirect would carry cookie and headers elsewhere. The deadlines are the caller's, not Bun's 5 minutes.
        ...{ redirect: "manual", timeout: false, signal },
      })
    } catch (error) {
      if (signal.aborted) throw error
      throw unreachable(error, secrets)
    }
  }
  const refused = async (response: Response): Promise<ChatError> =>
    refusal({ response, said: parsed(await textOf(response)), secrets })

  return {
    ...{ base_url, headers: all, secrets, send },
    async stream(request) {
      const response = await send(request)
      if (!response.ok || !isStream(response)) throw await refused(response)
      return response
    },
    async call(request) {
      const response = await send(request)
      if (!response.ok) throw await refused(response)
      const said = parsed(await textOf(response))
      const envelope = Envelope.safeParse(said)
      if (envelope.data?.status_code !== 200) throw refusal({ response, said, secrets })
      return envelope.data.data
    },
  }
}

export function isStream(response: Response): boolean {
  return response.headers.get("content-type")?.includes("event-stream") ?? false
}

/** The body, as far as it is not too large to be looked at. */
export async function textOf(response: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ""
  let size = 0
  try {
    for await (const bytes of response.body ?? []) {
      size += bytes.length
      if (size > largest) throw new Error(`an answer of more than ${largest} bytes`)
      text += decoder.decode(bytes, { stream: true })
    }
  } catch (cause) {
    throw new ChatError("engine_failed", { cause })
  }
  return text
}

export function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
