// How what a person says becomes a graph's first state, and its last state what the person reads, where the graph does not say.
import type { HandlerEvent } from "../handler.ts"
import { textOf, toModelMessages } from "../messages.ts"
import type { Graph, GraphBuilder, GraphChat } from "./define.ts"
import { lastAnswerIn } from "./model-output.ts"

/** Characters of the text of files in the conversation. */
const max_file_chars = 50_000

/** The conversation as `messages`, and what was said now as `input`, as far as the state has such channels. */
export async function inputOf(graph: Graph, { channels }: GraphBuilder, chat: GraphChat): Promise<unknown> {
  if (graph.input) return graph.input(chat.message, chat)
  return {
    ...("messages" in channels ? { messages: await toModelMessages({ ...chat, vision: false, max_file_chars }) } : {}),
    ...("input" in channels ? { input: textOf(chat.message) } : {}),
  }
}

/** What is said at the end. `spoke`: something was said on the way. */
export function* outputOf(
  graph: Graph,
  state: Readonly<Record<string, unknown>>,
  chat: GraphChat,
  spoke: boolean,
): Generator<HandlerEvent> {
  const given = graph.output ? graph.output(state, chat) : spoke ? null : ownWords(state)
  if (typeof given === "string") yield { type: "text", text: given }
  else if (given) yield* given
}

function ownWords({ output, messages }: Readonly<Record<string, unknown>>): string {
  return typeof output === "string" ? output : lastAnswerIn(messages)
}
