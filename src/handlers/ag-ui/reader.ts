// An agent's events as a handler's: text, thinking, calls of tools, steps, what it cost, and how it ended.
import type { AgentStateMutation, AgentSubscriber, Interrupt, TokenUsage } from "@ag-ui/client"
import { Json } from "../../protocol/ids.ts"
import type { Usage } from "../../protocol/message.ts"
import type { HandlerEvent } from "../handler.ts"
import { cutText } from "../messages.ts"
import { createJoiner } from "../well-formed.ts"
import type { Call } from "./memory.ts"

export interface Ending {
  readonly outcome: "success" | "interrupt" | "cancelled" | "error"
  readonly interrupts: readonly Interrupt[]
  /** Why it failed, for the log. */
  readonly message?: string
}

export interface Reader {
  readonly subscriber: AgentSubscriber
  /** Undefined: it has not said that it ended. */
  readonly ending: Ending | undefined
  /** What it said was against the protocol, or the line failed. */
  readonly failure: Error | undefined
  /** Calls of this run, and of the one before, by their id. */
  readonly calls: ReadonlyMap<string, Call>
}

type State = Extract<HandlerEvent, { type: "tool" }>["tool"]["state"]

/** Characters of what a tool gave back. */
const maxOutput = 100_000

export function createReader(before: readonly Call[], emit: (event: HandlerEvent) => Promise<void>): Reader {
  const joiners = { text: createJoiner(), reasoning: createJoiner() }
  const said = { text: false, reasoning: false }
  const calls = new Map<string, Call>(before.map((call) => [call.tool_call_id, call]))
  const open = new Set<string>()
  const steps = new Map<string, string>()
  let ending: Ending | undefined
  let failure: Error | undefined
  let made = 0

  async function speak(type: "text" | "reasoning", piece: string): Promise<void> {
    if (!piece) return
    said[type] = true
    await emit({ type, text: piece })
  }

  /** Messages of one run stand apart. */
  async function begin(type: "text" | "reasoning"): Promise<void> {
    if (said[type]) await emit({ type, text: "\n\n" })
  }

  async function show(call: Call, state: State, more: { output?: unknown; parent?: string | undefined } = {}) {
    const tool = { tool_call_id: named(call.tool_call_id), name: named(call.name), state, input: call.input }
    const output = more.output === undefined ? {} : { output: fit(more.output) }
    const parent = more.parent === undefined ? {} : { parent_id: named(more.parent) }
    await emit({ type: "tool", tool: { ...tool, ...output, ...parent } })
  }

  async function step(step_id: string, name: string, state: "running" | "completed" | "failed", parent?: string) {
    const parent_id = parent === undefined ? {} : { parent_id: named(parent) }
    await emit({
      type: "step",
      step: { step_id: named(step_id), name: name.slice(0, 256) || "?", state, ...parent_id },
    })
  }

  async function end(how: Ending, usage: readonly TokenUsage[] = []): Promise<void> {
    ending = how
    for (const type of ["reasoning", "text"] as const) await speak(type, joiners[type].end())
    const asked = new Set(how.interrupts.map(({ toolCallId }) => toolCallId))
    for (const id of open) {
      const call = calls.get(id)
      if (!call) continue
      if (asked.has(id)) await show(call, "waiting")
      else await show(call, "failed", { output: "It gave nothing back." })
    }
    if (usage.length > 0) await emit({ type: "usage", usage: total(usage) })
  }

  // Else the library prints the fault on the console (@ag-ui/client 1.0.0).
  const handled: AgentStateMutation = { stopPropagation: true }
  const subscriber: AgentSubscriber = {
    onTextMessageStartEvent: () => begin("text"),
    onTextMessageContentEvent: ({ event }) => speak("text", joiners.text.push(event.delta)),
    onReasoningMessageStartEvent: () => begin("reasoning"),
    onReasoningMessageContentEvent: ({ event }) => speak("reasoning", joiners.reasoning.push(event.delta)),
    async onToolCallEndEvent({ event, toolCallName, toolCallArgs }) {
      const call = { tool_call_id: event.toolCallId, name: toolCallName, input: fit(toolCallArgs) }
      calls.set(event.toolCallId, call)
      open.add(event.toolCallId)
      await show(call, "running", { parent: event.subagentRunId })
    },
    async onToolCallResultEvent({ event }) {
      const known = calls.get(event.toolCallId)
      open.delete(event.toolCallId)
      const call = known ?? { tool_call_id: event.toolCallId, name: "tool", input: null }
      const content = typeof event.content === "string" ? cutText(event.content, maxOutput) : event.content
      await show(call, "completed", { output: content, parent: event.subagentRunId })
    },
    async onStepStartedEvent({ event }) {
      made += 1
      steps.set(event.stepName, `${event.stepName.slice(0, 100)}#${made}`)
      await step(steps.get(event.stepName) ?? "", event.stepName, "running", event.subagentRunId)
    },
    async onStepFinishedEvent({ event }) {
      await step(steps.get(event.stepName) ?? event.stepName, event.stepName, "completed", event.subagentRunId)
    },
    async onSubagentStartedEvent({ event }) {
      steps.set(`subagent ${event.subagentRunId}`, event.name)
      await step(event.subagentRunId, event.name, "running", event.parentSubagentRunId)
    },
    async onSubagentFinishedEvent({ event }) {
      await step(event.subagentRunId, steps.get(`subagent ${event.subagentRunId}`) ?? "", "completed")
    },
    async onSubagentErrorEvent({ event }) {
      await step(event.subagentRunId, steps.get(`subagent ${event.subagentRunId}`) ?? "", "failed")
    },
    onRunFinishedEvent: (params) =>
      end(
        { outcome: params.outcome, interrupts: params.outcome === "interrupt" ? params.interrupts : [] },
        params.event.usage,
      ),
    onRunErrorEvent: ({ event }) =>
      end({ outcome: "error", interrupts: [], message: [event.code, event.message].join(" ") }, event.usage),
    onRunFailed({ error }) {
      failure = error
      return handled
    },
  }
  return {
    subscriber,
    calls,
    get failure() {
      return failure
    },
    get ending() {
      return ending
    },
  }
}

function named(id: string): string {
  return id.slice(0, 128) || "?"
}

function fit(value: unknown) {
  const { data, success } = Json.safeParse(value ?? null)
  return success ? data : JSON.stringify(value).slice(0, 10_000)
}

function total(all: readonly TokenUsage[]): Usage {
  const usage: Usage = {}
  for (const one of all) {
    const { inputTokens, outputTokens, reasoningTokens, totalTokens, model } = one
    const counts = { input_tokens: inputTokens, output_tokens: outputTokens, reasoning_tokens: reasoningTokens }
    const sum = totalTokens ?? (inputTokens === undefined ? undefined : inputTokens + (outputTokens ?? 0))
    for (const [name, count] of Object.entries({ ...counts, total_tokens: sum })) {
      if (isCount(name) && count !== undefined) usage[name] = (usage[name] ?? 0) + count
    }
    if (model !== undefined) usage.model = model
  }
  return usage
}

function isCount(name: string): name is "input_tokens" | "output_tokens" | "reasoning_tokens" | "total_tokens" {
  return name.endsWith("_tokens")
}
