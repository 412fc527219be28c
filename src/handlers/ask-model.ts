// One short question to the configuration's model, beside a conversation: no stream, one answer.
import type { Clock } from "../clock.ts"
import { createDeadline } from "./deadline.ts"
import { modelError } from "./model-error.ts"

/** An OpenAI-compatible service, as the configuration names it. */
export interface ModelService {
  readonly base_url: string
  readonly api_key?: string | undefined
  readonly name: string
}

export interface ModelQuestion {
  readonly instructions: string
  readonly prompt: string
  readonly signal: AbortSignal
  readonly clock: Clock
  /** Seconds for all of the answer. */
  readonly timeout_s: number
}

/** So much is thought and said at most: who asks wants a line or two. */
const maxOutputTokens = 2000

/** The answer's text. Throws a ChatError; nothing of the service's own words, nor the key, is in it. */
export async function askModel(
  { base_url, api_key, name }: ModelService,
  { instructions, prompt, signal, clock, timeout_s }: ModelQuestion,
): Promise<string> {
  const deadline = createDeadline(clock)
  deadline.arm(timeout_s)
  try {
    // Loaded when it is needed, as in model-client.ts.
    const [{ generateText }, { createOpenAICompatible }] = await Promise.all([
      import("ai"),
      import("@ai-sdk/openai-compatible"),
    ])
    globalThis.AI_SDK_LOG_WARNINGS = false
    const service = createOpenAICompatible({
      name: "upstream",
      baseURL: base_url,
      fetch: withoutRedirects,
      ...(api_key === undefined ? {} : { apiKey: api_key }),
    })
    const { text } = await generateText({
      model: service.chatModel(name),
      ...{ instructions, prompt, maxOutputTokens, maxRetries: 0 },
      abortSignal: AbortSignal.any([signal, deadline.signal]),
    })
    // Models that think aloud.
    return text.replace(/^\s*<think>[\s\S]*?<\/think>/i, "").trim()
  } catch (fault) {
    throw modelError(fault, { begun: false, now: clock.now(), secrets: api_key ? [api_key] : [] })
  } finally {
    deadline.disarm()
  }
}

/** A redirect would carry the key elsewhere. */
const withoutRedirects: typeof fetch = Object.assign(
  (input: string | URL | Request, init?: RequestInit) => fetch(input, { ...init, redirect: "manual" }),
  { preconnect: fetch.preconnect },
)
