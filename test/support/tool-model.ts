// A model that does as it is told: `call NAME {json}`, a line for each call, and `loop` calls for ever. Then it says what came back.
import type { ModelServer } from "./model-server.ts"

interface Said {
  readonly role: string
  readonly content?: unknown
}

/** The words that the model says with its calls. */
export const firstWords = "Let me see."

export function obey({ mock }: ModelServer): void {
  mock.on({}, (request) => {
    const messages: readonly Said[] = request.messages
    const asked = messages.findLastIndex(({ role }) => role === "user")
    const text = textOf(messages[asked])
    const results = messages.slice(asked).filter(({ role }) => role === "tool")
    const calls = callsIn(text)
    if (calls.length > 0 && (results.length === 0 || text.includes("loop"))) {
      return { content: firstWords, toolCalls: calls.map((call) => ({ ...call, id: crypto.randomUUID() })), usage }
    }
    const back = results.map(textOf).join(" | ")
    return { content: results.length === 0 ? `You said: ${text}` : `It gave: ${back}`, usage }
  })
}

export const usage = { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 }

function callsIn(text: string) {
  return [...text.matchAll(/^call (\S+) (\{.*\})$/gm)].map(([, name = "", json = "{}"]) => ({ name, arguments: json }))
}

function textOf(message: Said | undefined): string {
  const content = message?.content
  return typeof content === "string" ? content : JSON.stringify(content ?? "")
}
