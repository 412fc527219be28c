// One streamed request to an OpenAI-compatible service, through the AI SDK.
import type { ModelMessage, TextStreamPart, ToolApprovalConfiguration, ToolSet } from "ai"
import { endEarly } from "./early-end.ts"
import type { RequestOptions } from "./model.ts"

export interface Upstream {
  readonly parts: AsyncIterable<TextStreamPart<ToolSet>>
  /** What `parts` does not tell: a break of the connection, which they show as an early end, or a wrong content type. */
  readonly fault: unknown
  /** When all parts were read: what the model said and the tools gave back, as the next request is to have it. */
  said(): PromiseLike<ModelMessage[]>
}

export interface ToolUse {
  readonly tools: ToolSet
  readonly toolApproval: ToolApprovalConfiguration<ToolSet, never>
  /** Requests to the model, one after the other, each with what the tools gave back before. */
  readonly max_steps: number
}

export interface UpstreamRequest {
  readonly options: RequestOptions
  readonly messages: ModelMessage[]
  /** Aborts the HTTP request. */
  readonly signal: AbortSignal
  readonly use?: ToolUse
}

/** Calls of tools that one step may have running at once; the others wait. */
const toolsAtOnce = 8

/** Sends the request, and with tools those that follow from their calls; `parts` has the answer as it comes. */
export async function openUpstream({ options, messages, signal, use }: UpstreamRequest): Promise<Upstream> {
  const { streamText, isStepCount, createOpenAICompatible } = await loadSdk()
  let fault: unknown
  const service = createOpenAICompatible({
    name: "upstream",
    baseURL: options.base_url,
    includeUsage: options.include_usage,
    // The address of an image goes to the service as it is: to fetch what a person names would open this network to them.
    supportedUrls: () => ({ "image/*": [/^https?:\/\//] }),
    fetch: createFetch((error) => {
      fault = error
    }),
    ...(options.api_key === undefined ? {} : { apiKey: options.api_key }),
    ...(options.headers === undefined ? {} : { headers: options.headers }),
  })
  const result = streamText({
    model: service.chatModel(options.model),
    messages,
    abortSignal: signal,
    // No silent second try: the person sees the error, with how long to wait, and what was paid for is not asked twice.
    maxRetries: 0,
    // Errors are parts of the stream too; without this the AI SDK also prints them on the console (ai 7.0.173).
    onError: () => undefined,
    ...(use && {
      tools: use.tools,
      toolApproval: use.toolApproval,
      stopWhen: isStepCount(use.max_steps),
      toolCallConcurrency: toolsAtOnce,
    }),
    ...(options.system === undefined ? {} : { instructions: options.system }),
    ...(options.temperature === undefined ? {} : { temperature: options.temperature }),
    ...(options.max_output_tokens === undefined ? {} : { maxOutputTokens: options.max_output_tokens }),
  })
  return {
    parts: result.stream,
    get fault() {
      return fault
    },
    said: () => result.responseMessages,
  }
}

/** Loaded at the first request: it takes 50 ms and 27 MB, which a service that starts, or only echoes, need not spend. */
async function loadSdk() {
  const [{ streamText, isStepCount }, { createOpenAICompatible }] = await Promise.all([
    import("ai"),
    import("@ai-sdk/openai-compatible"),
  ])
  // Its warnings go to the console otherwise, past the log.
  globalThis.AI_SDK_LOG_WARNINGS = false
  return { streamText, isStepCount, createOpenAICompatible }
}

/**
 * A fetch that turns a broken connection into an early end of the body. An error would overtake the events that wait in
 * the AI SDK's pipeline and discard them (17 of 50 pieces reached a slow reader); after an early end all arrive, and
 * then the SDK itself reports that there was no finish reason.
 */
function createFetch(note: (fault: unknown) => void): typeof fetch {
  const request = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    // A redirect would carry the key elsewhere; not followed, it becomes model_refused. The deadlines are ours, not Bun's 5 minutes.
    const response = await fetch(input, { ...init, redirect: "manual", timeout: false })
    if (!response.ok || response.body === null) return response
    const type = response.headers.get("content-type") ?? "none"
    if (!type.includes("event-stream")) note(new Error(`the service sent no event stream, but content-type ${type}`))
    return new Response(endEarly(response.body, note), { status: response.status, headers: response.headers })
  }
  return Object.assign(request, { preconnect: fetch.preconnect })
}
