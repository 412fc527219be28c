// An assistant of Bisheng, over its HTTP API v2, which looks like OpenAI's and is not quite.
import { z } from "zod"
import { ChatError } from "../errors.ts"
import { readCompletion } from "./bisheng/completion.ts"
import { createService, seconds, serviceOptions } from "./bisheng/service.ts"
import { createDeadline } from "./deadline.ts"
import { defineHandler, type Exchange, type Spoken } from "./handler.ts"
import { textOf } from "./messages.ts"

export const BishengAssistantOptions = z.strictObject({
  ...serviceOptions,
  /** Of the published assistant: a UUID, with or without dashes. */
  assistant_id: z.string().regex(/^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i, "must be a UUID"),
  /** Instead of the assistant's own. */
  temperature: z.number().min(0).max(2).optional(),
  /** Seconds until the first piece of the answer. */
  first_event_timeout_s: seconds.default(60),
  /** Seconds between two pieces; while the assistant uses its tools, nothing comes. */
  idle_timeout_s: seconds.default(300),
})

export default defineHandler({
  name: "bisheng_assistant",
  description: "Answers with an assistant of Bisheng.",
  options: BishengAssistantOptions,
  async *run({ message, history, options, signal, clock }) {
    if (signal.aborted) return
    const service = createService(options)
    const deadline = createDeadline(clock)
    const left = new AbortController()
    const body = {
      model: options.assistant_id,
      messages: conversation(history, message),
      stream: true,
      ...(options.temperature === undefined ? {} : { temperature: options.temperature }),
    }
    try {
      deadline.arm(options.first_event_timeout_s)
      const request = { path: "/api/v2/assistant/chat/completions", body }
      const stop = AbortSignal.any([signal, deadline.signal, left.signal])
      for await (const event of readCompletion(service, await service.send({ ...request, signal: stop }), stop)) {
        deadline.disarm()
        yield event
        deadline.arm(options.idle_timeout_s)
      }
    } catch (error) {
      if (signal.aborted) return
      if (deadline.expired !== undefined)
        throw new ChatError("engine_timeout", { params: { seconds: deadline.expired } })
      if (error instanceof ChatError) throw error
      const words = error instanceof Error ? error.message : String(error)
      throw new ChatError("engine_lost", { cause: new Error(service.secrets.hide(words)) })
    } finally {
      deadline.disarm()
      left.abort()
    }
  },
})

/** Bisheng keeps nothing of the conversation: it is sent each time. An exchange of which one side is empty is left out. */
function conversation(history: readonly Exchange[], message: Spoken): { role: string; content: string }[] {
  const before = history.flatMap(({ question, answer }) => {
    const [asked, answered] = [textOf(question), textOf(answer)]
    if (!asked || !answered) return []
    return [
      { role: "user", content: asked },
      { role: "assistant", content: answered },
    ]
  })
  // Bisheng refuses a conversation that ends with nothing.
  return [...before, { role: "user", content: textOf(message) || " " }]
}
