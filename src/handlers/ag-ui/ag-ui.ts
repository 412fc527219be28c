// Any agent that speaks AG-UI over HTTP, such as those of LangGraph, Mastra, CrewAI, Pydantic AI, Agno and ADK.
import type { ResumeEntry } from "@ag-ui/client"
import { z } from "zod"
import { ChatError } from "../../errors.ts"
import { createDeadline } from "../deadline.ts"
import { defineHandler, type HandlerContext, type HandlerEvent } from "../handler.ts"
import { textOf, toModelMessages } from "../messages.ts"
import { resumeWith } from "./answer.ts"
import { keepable, threadOf, userMessage } from "./memory.ts"
import { questionAbout } from "./question.ts"
import { createQueue } from "./queue.ts"
import { createReader } from "./reader.ts"
import { openLine } from "./request.ts"

const seconds = z.number().positive().max(3600)
const text = z.string().trim().min(1)

export const AgUiOptions = z.strictObject({
  /** Of the agent: where a run is posted to. */
  url: z.url({ protocol: /^https?$/ }),
  headers: z.record(text, z.string()).default({}),
  /** Seconds until the first event of a run. */
  first_event_timeout_s: seconds.default(60),
  /** Seconds between two events. */
  idle_timeout_s: seconds.default(300),
  /** Given to the agent with each run, as its `forwardedProps`. */
  forwarded_props: z.record(z.string(), z.json()).default({}),
  /** Characters of the text of files that the agent gets to read. */
  max_file_chars: z.int().min(0).max(10_000_000).default(40_000),
})
export type AgUiOptions = z.infer<typeof AgUiOptions>

type Context = HandlerContext<AgUiOptions>

/** Not resumable: the protocol cannot join a run that goes on without us, and to run it again may do its work twice. */
export default defineHandler({
  name: "ag_ui",
  description: "Passes on to an agent that speaks AG-UI.",
  options: AgUiOptions,
  async *run(context): AsyncGenerator<HandlerEvent> {
    const { options, signal, clock, message, language, log } = context
    if (signal.aborted) return
    const thread = threadOf(context)
    const { resume, words } = await wordsOf(context, thread.asked)
    const messages = words === undefined ? thread.messages : [...thread.messages, userMessage(message, words)]
    const { HttpAgent } = await import("@ag-ui/client")
    if (signal.aborted) return
    const line = openLine({ now: () => clock.now(), secrets: Object.values(options.headers).filter(Boolean) })
    const agent = new HttpAgent({
      ...{ url: options.url, headers: options.headers, fetch: line.fetch },
      ...{ threadId: thread.thread_id, initialMessages: messages, initialState: thread.state },
    })
    agent.pendingInterrupts = thread.asked.map(({ interrupt }) => interrupt)
    const deadline = createDeadline(clock)
    const events = createQueue<HandlerEvent>()
    const reader = createReader(thread.waiting, (event) => events.put(event))
    const stop = () => agent.abortRun()
    let running: Promise<unknown> = Promise.resolve()
    let fault: unknown
    try {
      for (const aborting of [signal, deadline.signal]) aborting.addEventListener("abort", stop, { once: true })
      deadline.arm(options.first_event_timeout_s)
      const heard = () => deadline.arm(options.idle_timeout_s)
      running = agent
        .runAgent(
          { forwardedProps: options.forwarded_props, ...(resume.length > 0 ? { resume } : {}) },
          { ...reader.subscriber, onEvent: heard },
        )
        .catch((error: unknown) => {
          fault = error
        })
        .finally(() => events.close())
      for await (const event of events) {
        if (signal.aborted) break
        // While an event is being passed on, the silence is not the agent's.
        deadline.disarm()
        yield event
        deadline.arm(options.idle_timeout_s)
      }
    } finally {
      deadline.disarm()
      signal.removeEventListener("abort", stop)
      events.close()
      stop()
    }
    await running
    if (signal.aborted) return
    if (deadline.expired !== undefined) throw new ChatError("engine_timeout", { params: { seconds: deadline.expired } })
    const { ending } = reader
    if (ending?.outcome === "error") throw new ChatError("engine_failed", { cause: new Error(ending.message) })
    if (line.fault) throw line.fault
    // A run that ends without a word, or that its agent gave up.
    if (!ending || ending.outcome === "cancelled") {
      const cause = reader.failure ?? fault
      throw new ChatError(cause === undefined ? "engine_lost" : "engine_failed", { cause })
    }
    const { event: question, asked } =
      ending.outcome === "interrupt"
        ? questionAbout(ending.interrupts, reader.calls, { language, now: clock.now() })
        : { event: undefined, asked: [] }
    const ids = new Set(ending.interrupts.map(({ toolCallId }) => toolCallId))
    const waiting = [...reader.calls.values()].filter(({ tool_call_id }) => ids.has(tool_call_id))
    const state = z.json().safeParse(agent.state).data ?? {}
    const memory = { thread_id: thread.thread_id, upto: message.id, messages: agent.messages, state, asked, waiting }
    yield { type: "checkpoint", checkpoint: keepable(memory) }
    log.debug({ thread_id: thread.thread_id, outcome: ending.outcome }, "the agent's run ended")
    if (question) yield question
  },
})

interface Words {
  readonly resume: ResumeEntry[]
  /** What the person says to the agent; undefined: nothing but the answer. */
  readonly words: string | undefined
}

/** What the person says, with the text of the files that come along, or the answer to what the agent wanted to know. */
async function wordsOf(
  { message, files, options }: Context,
  asked: ReturnType<typeof threadOf>["asked"],
): Promise<Words> {
  const answer = message.parts.find((part) => part.type === "input")
  if (asked.length > 0) {
    const { resume, words } = resumeWith(asked, answer?.answer, textOf(message))
    if (words === undefined) return { resume, words }
    return { resume, words: words || undefined }
  }
  const { max_file_chars } = options
  const [said] = await toModelMessages({ history: [], message, files, vision: false, max_file_chars })
  return { resume: [], words: typeof said?.content === "string" ? said.content : textOf(message) }
}
