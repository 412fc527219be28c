// The language model: streams the answer of any OpenAI-compatible service.
import { z } from "zod"
import { ChatError } from "../errors.ts"
import { createDeadline } from "./deadline.ts"
import { defineHandler } from "./handler.ts"
import { toModelMessages } from "./messages.ts"
import { createAnswer } from "./model-answer.ts"
import { openUpstream, type Upstream } from "./model-client.ts"
import { modelError } from "./model-error.ts"
import { suggestionsOf } from "./suggestions.ts"

const seconds = z.number().positive().max(3600)
const text = z.string().trim().min(1)

export const ModelOptions = z.strictObject({
  /** Of the service, with the version: https://.../v1. Default: model.base_url of the configuration. */
  base_url: z.url({ protocol: /^https?$/, error: "must be an http(s) address (or set MODEL_BASE_URL)" }),
  api_key: text.optional(),
  /** Which model to ask for; servers of a single model mostly ignore it. */
  model: text.default("default"),
  /** Instructions that come before the conversation. */
  system: text.optional(),
  temperature: z.number().min(0).max(2).optional(),
  max_output_tokens: z.int().min(1).optional(),
  /** Seconds until the first piece of the answer, or of the thinking before it. */
  first_token_timeout_s: seconds.default(60),
  /** Seconds between two pieces. */
  idle_timeout_s: seconds.default(120),
  /** Further headers of the request. */
  headers: z.record(text, z.string()).optional(),
  /** Ask for the token counts; some older services refuse a request that does. */
  include_usage: z.boolean().default(true),
  /** The model takes images (PNG, JPEG, GIF, WebP): of the conversation it gets the last 10, at most 20 MiB. */
  vision: z.boolean().default(false),
  /** Characters of the text of files that the model gets to read, over the whole conversation. */
  max_file_chars: z.int().min(0).max(10_000_000).default(40_000),
  /** What a million tokens cost, in any currency; with them the usage has its `cost`. */
  prices: z.strictObject({ input: z.number().min(0), output: z.number().min(0) }).optional(),
  /** The model is asked once more, after its answer, what the person may want to ask next: at most so many questions. */
  suggestions: z.int().min(0).max(10).default(0),
})
export type ModelOptions = z.infer<typeof ModelOptions>
/** What every request to a model goes by. */
export type RequestOptions = Omit<ModelOptions, "suggestions">

export default defineHandler({
  name: "model",
  description: "Answers with a language model behind an OpenAI-compatible address.",
  options: ModelOptions,
  async *run({ message, history, options, signal, clock, files, log }) {
    if (signal.aborted) return
    const deadline = createDeadline(clock)
    const left = new AbortController()
    const answer = createAnswer({ prices: options.prices })
    let said = ""
    let upstream: Upstream | undefined
    const { vision, max_file_chars } = options
    const messages = await toModelMessages({ history, message, files, vision, max_file_chars })
    if (signal.aborted) return
    try {
      deadline.arm(options.first_token_timeout_s)
      upstream = await openUpstream({
        options,
        messages,
        signal: AbortSignal.any([signal, deadline.signal, left.signal]),
      })
      for await (const part of upstream.parts) {
        const event = answer.read(part)
        if (!event) continue
        if (event.type === "text") said += event.text
        // While the event is being passed on, the silence is not the service's.
        deadline.disarm()
        yield event
        deadline.arm(options.idle_timeout_s)
      }
    } catch (error) {
      // What fails because it was stopped is no fault of the service.
      if (!signal.aborted && deadline.expired === undefined) {
        throw modelError(error, { begun: answer.begun, now: clock.now(), hint: upstream?.fault, ...secretsOf(options) })
      }
    } finally {
      deadline.disarm()
      // Whoever stops reading before the end stops the request too: the AI SDK tees its stream, so cancelling it is not enough.
      left.abort()
    }
    if (signal.aborted) return
    if (deadline.expired !== undefined) throw new ChatError("model_timeout", { params: { seconds: deadline.expired } })
    yield* answer.end()
    const { base_url, api_key, model: name, suggestions: count } = options
    if (count === 0 || said === "") return
    const asked = { question: message, answer: said, count, signal, clock }
    const suggestions = await suggestionsOf({ base_url, api_key, name }, asked).catch((error: unknown) => {
      // The answer is whole without them.
      if (!signal.aborted) log.warn({ err: error }, "the model suggests nothing to ask next")
    })
    if (suggestions) yield suggestions
  },
})

/** Words that must not reach the log. */
export function secretsOf({ api_key = "", headers = {} }: RequestOptions): { readonly secrets: readonly string[] } {
  return { secrets: [api_key, ...Object.values(headers)].filter(Boolean) }
}
