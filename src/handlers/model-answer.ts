// Reads a model's answer from the parts of the AI SDK: which events they are, and whether the answer is whole.
import type { LanguageModelUsage, TextStreamPart, ToolSet } from "ai"
import { ChatError } from "../errors.ts"
import type { Usage } from "../protocol/message.ts"
import type { HandlerEvent } from "./handler.ts"
import { createJoiner } from "./well-formed.ts"

export interface Answer {
  /** Some of the answer, or of the thinking before it, has come. */
  readonly begun: boolean
  /** The event of a part, if it is one. Throws the service's error when the part is one. */
  read(part: TextStreamPart<ToolSet>): HandlerEvent | undefined
  /** The last events. Throws a ChatError when the answer ended otherwise than an answer should. */
  end(): Generator<HandlerEvent>
}

/** Finish reasons that mean a failure of the service: SGLang and vLLM, OpenRouter, DeepSeek, Zhipu. */
const brokenOff = new Set(["abort", "error", "insufficient_system_resource", "network_error"])
/** Finish reasons that mean the answer was withheld: the AI SDK's name, Zhipu. */
const withheld = new Set(["content-filter", "sensitive"])

export interface AnswerSettings {
  /** What a million tokens cost. */
  readonly prices?: Readonly<{ input: number; output: number }> | undefined
  /** The request names tools, so that calls of them without a word are an answer too. */
  readonly tools?: boolean
}

/** An answer of which nothing has come yet. */
export function createAnswer({ prices, tools = false }: AnswerSettings = {}): Answer {
  const joiners = { reasoning: createJoiner(), text: createJoiner() }
  const seen = { reasoning: false, text: false }
  let usage: Usage | undefined
  // The AI SDK's own value for a stream without a finish reason; such a stream is not a whole answer.
  let finish = { reason: "error", raw: "none" }

  function delta(type: "text" | "reasoning", piece: string): HandlerEvent | undefined {
    if (!piece) return undefined
    seen[type] = true
    return { type, text: piece }
  }

  return {
    get begun() {
      return seen.text || seen.reasoning
    },
    read(part) {
      switch (part.type) {
        case "text-delta":
          return delta("text", joiners.text.push(part.text))
        case "reasoning-delta":
          return delta("reasoning", joiners.reasoning.push(part.text))
        case "error":
          throw part.error
        case "finish-step":
          usage = usageOf(part.usage, part.response.modelId, prices)
          finish = { reason: part.finishReason, raw: part.rawFinishReason ?? part.finishReason }
      }
      return undefined
    },
    *end() {
      for (const type of ["reasoning", "text"] as const) {
        const rest = delta(type, joiners[type].end())
        if (rest) yield rest
      }
      const problem = problemOf(finish, seen, tools)
      if (problem) throw problem
      if (usage) yield { type: "usage", usage }
    },
  }
}

type Finish = Readonly<{ reason: string; raw: string }>
type Seen = Readonly<{ reasoning: boolean; text: boolean }>

function problemOf({ reason, raw }: Finish, { reasoning, text }: Seen, tools: boolean): ChatError | undefined {
  const status = raw.slice(0, 100)
  const cause = new Error(`finish reason ${status}`)
  if (reason === "error" || brokenOff.has(raw)) {
    return new ChatError(reasoning || text ? "model_cut" : "model_failed", { cause })
  }
  if (text) return undefined
  if (withheld.has(reason) || withheld.has(raw)) return new ChatError("model_refused", { params: { status }, cause })
  // Where the request names no tools, a call of one instead of words is a fault of the service.
  return reason === "tool-calls" && !tools ? new ChatError("model_failed", { cause }) : undefined
}

/** The counts that the service gave, as far as they are counts, and what they cost. */
function usageOf(counts: LanguageModelUsage, model: string, prices: AnswerSettings["prices"]): Usage | undefined {
  const given = Object.entries({
    input_tokens: counts.inputTokens,
    output_tokens: counts.outputTokens,
    reasoning_tokens: counts.outputTokenDetails.reasoningTokens,
    total_tokens: counts.totalTokens,
  }).filter((entry) => Number.isSafeInteger(entry[1]) && Number(entry[1]) >= 0)
  if (given.length === 0) return undefined
  const usage: Usage = { ...Object.fromEntries(given), model }
  if (!prices) return usage
  const { input_tokens = 0, output_tokens = 0 } = usage
  return { ...usage, cost: (input_tokens * prices.input + output_tokens * prices.output) / 1_000_000 }
}
