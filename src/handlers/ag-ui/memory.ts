// What is kept of an agent's thread between turns, and how a turn goes on from it.
import type { Interrupt, Message } from "@ag-ui/client"
import { z } from "zod"
import type { HandlerContext, Spoken } from "../handler.ts"
import { textOf } from "../messages.ts"

const object = (value: unknown) => typeof value === "object" && value !== null

/** One interrupt, and under which keys the question asked for what of its answer. */
export const Asked = z.object({
  interrupt: z.custom<Interrupt>(object),
  /** `value`: the one field is the answer; `object`: the fields are its properties; `approval`: one field is several of them. */
  kind: z.enum(["value", "object", "approval"]),
  fields: z.array(z.object({ key: z.string(), property: z.string(), confirm: z.boolean() })),
})
export type Asked = z.infer<typeof Asked>

const Call = z.object({ tool_call_id: z.string(), name: z.string(), input: z.json() })
export type Call = z.infer<typeof Call>

/** Written by this handler alone. */
const Memory = z.object({
  thread_id: z.string(),
  /** What the person said in the turn that this is of. */
  upto: z.string(),
  /** The agent's own record of the thread; null: it was too long to be kept. */
  messages: z.array(z.custom<Message>(object)).nullable(),
  state: z.json(),
  asked: z.array(Asked),
  /** Calls that wait for the answer. */
  waiting: z.array(Call),
})
export type Memory = z.infer<typeof Memory>

/** Characters of JSON. */
const longest = 400_000

/**
 * The thread that the conversation is on. A new one, told as text, when it is not there or the conversation went on from
 * elsewhere: it was cleared, or another branch of it was taken.
 */
export function threadOf({ checkpoint, history }: HandlerContext): Omit<Memory, "upto" | "messages"> & {
  readonly messages: Message[]
} {
  const memory = Memory.safeParse(checkpoint).data
  const told = () =>
    history.flatMap(({ question, answer }): Message[] => {
      const [asked, answered] = [textOf(question), textOf(answer)]
      if (!asked || !answered) return []
      return [userMessage(question, asked), { id: answer.id, role: "assistant", content: answered }]
    })
  if (!memory || !history.some(({ question }) => question.id === memory.upto)) {
    return { thread_id: crypto.randomUUID(), messages: told(), state: {}, asked: [], waiting: [] }
  }
  return { ...memory, messages: memory.messages ?? told() }
}

export function userMessage({ id }: Pick<Spoken, "id">, content: string): Message {
  return { id, role: "user", content }
}

/** As it can be kept: JSON, and not endless. */
export function keepable(memory: Memory) {
  const json = JSON.stringify(memory)
  const kept: Memory = json.length <= longest ? memory : { ...memory, messages: null }
  const short = JSON.stringify(kept)
  return JSON.parse(short.length <= longest ? short : JSON.stringify({ ...kept, state: {} }))
}
