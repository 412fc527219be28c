// The work of one turn: the model speaks, its tools run, it speaks again, until it has no more to ask of them.
import type { ModelMessage } from "ai"
import type { Clock } from "../../clock.ts"
import { ChatError } from "../../errors.ts"
import type { Usage } from "../../protocol/message.ts"
import type { Deadline } from "../deadline.ts"
import type { HandlerEvent } from "../handler.ts"
import { secretsOf } from "../model.ts"
import { createAnswer } from "../model-answer.ts"
import { openUpstream, type Upstream } from "../model-client.ts"
import { modelError } from "../model-error.ts"
import type { Call } from "./approval.ts"
import { createCalls } from "./calls.ts"
import type { AssistantOptions } from "./options.ts"
import type { Toolbox } from "./toolbox.ts"

export interface Work {
  readonly options: AssistantOptions
  readonly messages: ModelMessage[]
  readonly toolbox: Toolbox
  /** Calls whose approval is in the messages. */
  readonly before: readonly Call[]
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Of the model's silence; the toolbox stops it while tools run. */
  readonly deadline: Deadline
}

export interface WorkDone {
  /** Calls that a person is to be asked about; empty: the answer is complete. */
  readonly waiting: readonly Call[]
  /** What the model said and the tools gave back. */
  readonly said: ModelMessage[]
}

/** Returns undefined when it was stopped. */
export async function* takeSteps(work: Work): AsyncGenerator<HandlerEvent, WorkDone | undefined> {
  const { options, toolbox, clock, signal, deadline } = work
  const left = new AbortController()
  const calls = createCalls(toolbox, work.before)
  const said = createJoint()
  const count = { steps: 0, calls: 0, ofStep: 0 }
  let usage: Usage | undefined
  let answer = createAnswer({ prices: options.prices, tools: true })
  let upstream: Upstream | undefined
  try {
    if (!toolbox.busy) deadline.arm(options.first_token_timeout_s)
    upstream = await openUpstream({
      options,
      messages: work.messages,
      signal: AbortSignal.any([signal, deadline.signal, left.signal]),
      use: {
        tools: toolbox.tools,
        max_steps: options.max_steps,
        toolApproval: async ({ toolCall }) =>
          (await toolbox.needsApproval(toolCall.toolName, toolCall.input)) ? "user-approval" : undefined,
      },
    })
    for await (const part of upstream.parts) {
      const event = answer.read(part) ?? (await calls.read(part))
      // While an event is being passed on, the silence is not the service's.
      deadline.disarm()
      if (event) yield* said.glued(event)
      if (part.type === "tool-call") count.ofStep += 1
      if (part.type === "finish-step") {
        count.steps += 1
        count.calls = count.ofStep
        count.ofStep = 0
        for (const last of answer.end()) {
          if (last.type === "usage") usage = sum(usage, last.usage)
          else yield* said.glued(last)
        }
        // After each step: what was paid for is told also when a later one fails.
        if (usage) yield { type: "usage", usage }
        answer = createAnswer({ prices: options.prices, tools: true })
        said.step()
      }
      const speaking = answer.begun || part.type.startsWith("tool-input") || part.type === "tool-call"
      if (!toolbox.busy) deadline.arm(speaking ? options.idle_timeout_s : options.first_token_timeout_s)
    }
  } catch (error) {
    // What fails because it was stopped is no fault of the service.
    if (!signal.aborted && deadline.expired === undefined) {
      if (error instanceof ChatError) throw error
      throw modelError(error, { begun: answer.begun, now: clock.now(), hint: upstream?.fault, ...secretsOf(options) })
    }
  } finally {
    deadline.disarm()
    // Whoever stops reading before the end stops the request, and the tools, too.
    left.abort()
  }
  if (signal.aborted || !upstream) return undefined
  if (deadline.expired !== undefined) throw new ChatError("model_timeout", { params: { seconds: deadline.expired } })
  const cutOff = calls.open > 0
  yield* calls.dropped()
  const { waiting } = calls
  if (count.calls > 0 && waiting.length === 0 && !cutOff && count.steps >= options.max_steps) {
    throw new ChatError("too_many_steps", { params: { limit: options.max_steps } })
  }
  return { waiting, said: waiting.length > 0 ? await upstream.said() : [] }
}

/** What is said in one step stands apart from what was said in the one before, of which a tool made the end. */
function createJoint() {
  const open = { text: "", reasoning: "" }
  const fresh = { text: false, reasoning: false }
  return {
    step() {
      fresh.text = fresh.reasoning = true
    },
    *glued(event: HandlerEvent): Generator<HandlerEvent> {
      if (event.type === "text" || event.type === "reasoning") {
        const { type, text } = event
        if (fresh[type] && open[type] && !/\s$/.test(open[type])) yield { type, text: "\n\n" }
        fresh[type] = false
        open[type] = text
      }
      yield event
    },
  }
}

function sum(one: Usage | undefined, other: Usage): Usage {
  if (!one) return other
  const total: Usage = { ...one, ...other }
  for (const name of ["input_tokens", "output_tokens", "reasoning_tokens", "total_tokens", "cost"] as const) {
    const counts = [one[name], other[name]].filter((count) => count !== undefined)
    if (counts.length > 0) total[name] = counts.reduce((so, far) => so + far)
  }
  return total
}
