// A bot that does something else each time: speaks, asks, fails, hangs, shows, yields nonsense. The question decides.
import { z } from "zod"
import { defineHandler } from "../../src/handlers/handler.ts"

export const wildBot = defineHandler({
  name: "wild",
  description: "does whatever a bot can do",
  options: z.looseObject({}),
  async *run({ message, signal }) {
    const mark = (message.message ?? "").slice(0, 6)
    const kind = Number(Bun.hash(message.message ?? "") % 8n)
    yield { type: "text", text: `${mark} says ` }
    if (kind === 0) throw new Error("the bot fails")
    if (kind === 1) yield { type: "question", prompt: `${mark} asks \ud83d` }
    if (kind === 2) yield { type: "title", title: `${mark} \ud83d` }
    if (kind === 3) yield { type: "checkpoint", checkpoint: { mark, deep: [[[]]] } }
    if (kind === 4)
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }))
    if (kind === 5)
      yield { type: "tool", tool: { tool_call_id: mark, name: "t", state: "completed", output: "\0\udc00" } }
    // What no bot may yield, and what the type forbids.
    if (kind === 6) yield JSON.parse('{"type":"dance"}')
    for (const half of "😀\0\ud83d") yield { type: "text", text: half }
  },
})
