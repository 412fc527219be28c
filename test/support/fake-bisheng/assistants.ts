// The fake's assistants: OpenAI-like, and different where Bisheng is.
import { z } from "zod"
import { cut, dumps, envelope, eventStream, invalid } from "./wire.ts"

const Body = z.strictObject({
  model: z.string(),
  messages: z
    .array(z.strictObject({ role: z.enum(["user", "assistant", "system"]), content: z.string().min(1) }))
    .min(1),
  stream: z.boolean().default(false),
  temperature: z.number().optional(),
  n: z.int().optional(),
  tools: z.array(z.unknown()).optional(),
})
export type Asked = z.infer<typeof Body>

/** A delta, a line as it is, a promise that is waited for, the end of the connection. */
export type Said =
  | { content?: string; reasoning_content?: string; finish?: boolean }
  | string
  | Promise<void>
  | typeof cut

/** What an assistant says to a conversation; an error is thrown as words, before anything was said. */
export type Assistant = (asked: Asked) => Iterable<Said>

const uuid = /^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/

export class FakeAssistants {
  readonly #assistants = new Map<string, Assistant>()
  readonly #changed: () => void
  readers = 0
  chunk = 13

  constructor(changed: () => void) {
    this.#changed = changed
  }

  publish(id: string, assistant: Assistant): void {
    this.#assistants.set(id, assistant)
  }

  complete(body: unknown): Response {
    const { data, error } = Body.safeParse(body)
    if (!data) return invalid(error?.issues[0]?.path ?? [], error?.issues[0]?.message ?? "", body)
    const json = (text: string) =>
      new Response(JSON.stringify(text), { status: 500, headers: { "content-type": "application/json" } })
    if (!uuid.test(data.model)) return json("badly formed hexadecimal UUID string")
    const assistant = this.#assistants.get(data.model)
    if (!assistant) return json("assistant not found")
    if (!data.stream) return envelope(500, "this fake only streams")
    let said: Iterator<Said>
    try {
      said = assistant(data)[Symbol.iterator]()
    } catch (words) {
      return json(String(words))
    }
    this.readers += 1
    let open = true
    const closed = () => {
      if (open) this.readers -= 1
      open = false
      this.#changed()
    }
    return eventStream(lines(said, data.model), { size: this.chunk, closed })
  }
}

async function* lines(said: Iterator<Said>, model: string): AsyncGenerator<string | typeof cut> {
  const chunk = (delta: object, finish_reason: string | null) =>
    `data: ${dumps({ id: "c1", object: "chat.completion.chunk", created: 1, model, choices: [{ index: 0, delta, finish_reason }] })}\n\n`
  for (let next = said.next(); !next.done; next = said.next()) {
    const { value } = next
    if (value === cut) {
      yield cut
      return
    }
    if (value instanceof Promise) await value
    else if (typeof value === "string") yield value
    else {
      const { finish, content = "", reasoning_content = null } = value
      yield chunk({ content, reasoning_content }, finish ? "stop" : null)
      if (finish) {
        yield "data: [DONE]\n\n"
        return
      }
    }
  }
  yield chunk({}, "stop")
  yield "data: [DONE]\n\n"
}
