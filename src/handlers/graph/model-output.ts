// What a LangChain model says, piece by piece or at once, and what it used.
import type { HandleLLMNewTokenCallbackFields } from "@langchain/core/callbacks/base"
import { isAIMessage, isBaseMessage } from "@langchain/core/messages"
import type { LLMResult } from "@langchain/core/outputs"
import type { Usage } from "../../protocol/message.ts"

export function textOfToken(token: string, fields: HandleLLMNewTokenCallbackFields | undefined): string {
  return fields?.chunk ? fields.chunk.text : token
}

export function textOfGeneration({ generations }: LLMResult): string {
  return generations[0]?.[0]?.text ?? ""
}

export function usageOf({ generations }: LLMResult): Usage | undefined {
  const generation = generations[0]?.[0]
  const message = generation && "message" in generation ? generation.message : undefined
  if (!isBaseMessage(message) || !isAIMessage(message) || !message.usage_metadata) return undefined
  const { input_tokens, output_tokens, total_tokens } = message.usage_metadata
  return { input_tokens, output_tokens, total_tokens }
}

export function addUsage(before: Usage | undefined, usage: Usage): Usage {
  const sum = (name: "input_tokens" | "output_tokens" | "total_tokens") => (before?.[name] ?? 0) + (usage[name] ?? 0)
  return { input_tokens: sum("input_tokens"), output_tokens: sum("output_tokens"), total_tokens: sum("total_tokens") }
}

/** The text of the last of some messages, if a model or the bot said it. */
export function lastAnswerIn(messages: unknown): string {
  const last: unknown = Array.isArray(messages) ? messages.at(-1) : undefined
  return isBaseMessage(last) && isAIMessage(last) ? last.text : ""
}
