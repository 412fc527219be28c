// The assistant: a language model that calls tools, of plug-in modules and of MCP servers, and asks a person first where it must.
import { ChatError } from "../../errors.ts"
import { createDeadline } from "../deadline.ts"
import { defineHandler, type HandlerContext, type HandlerEvent } from "../handler.ts"
import { textOf } from "../messages.ts"
import { questionAbout } from "./approval.ts"
import { beginningOf } from "./beginning.ts"
import { toolEvent } from "./calls.ts"
import { closeMcp, mcpTools } from "./mcp.ts"
import { AssistantOptions } from "./options.ts"
import { takeSteps } from "./steps.ts"
import { createToolbox, type Toolbox } from "./toolbox.ts"

/**
 * Not resumable: a crash in the middle may have come before or after a tool had its effect, and nobody but the tool knows.
 * To run such a turn again might send the mail twice; it ends as interrupted, and the person decides.
 */
export default defineHandler({
  name: "assistant",
  description: "Answers with a language model that uses tools.",
  options: AssistantOptions,
  async *run(context): AsyncGenerator<HandlerEvent> {
    const { signal, clock, options, language, message } = context
    if (signal.aborted) return
    const deadline = createDeadline(clock)
    const toolbox = await openToolbox(context, (busy) => {
      if (busy) deadline.disarm()
      else deadline.arm(options.first_token_timeout_s)
    })
    const beginning = toolbox && (await beginningOf(context, toolbox))
    if (!beginning || signal.aborted) return
    const { decisions, messages, since, question_id = message.id, asked = textOf(message) } = beginning
    // Nothing of what was asked about can be answered for once more.
    if (decisions.length > 0) yield { type: "checkpoint", checkpoint: { pending: null } }
    for (const call of decisions) if (call.approved) yield toolEvent(call, "running")
    const done = yield* takeSteps({ options, messages, toolbox, before: decisions, clock, signal, deadline })
    if (!done || done.waiting.length === 0) return
    const pending = { question_id, asked, messages: [...since, ...done.said], calls: done.waiting }
    yield { type: "checkpoint", checkpoint: JSON.parse(JSON.stringify({ pending })) }
    yield questionAbout(done.waiting, language, toolbox.describe)
  },
  close: closeMcp,
})

/** Undefined: it was stopped. Throws `tools_unavailable`. */
async function openToolbox(
  { options, clock, signal, log, session }: HandlerContext<AssistantOptions>,
  onBusy: (busy: boolean) => void,
): Promise<Toolbox | undefined> {
  try {
    const theirs = await mcpTools(options.mcp_servers, { clock, signal, log, timeout_s: options.tool_timeout_s })
    return await createToolbox([...options.tools, ...theirs], { options, clock, signal, log, session, onBusy })
  } catch (error) {
    if (signal.aborted && error instanceof ChatError && error.code === "tools_unavailable") return undefined
    throw error
  }
}
