// Where a turn of the assistant begins: at what the person says, or at calls that the person was asked about and now answers.
import type { ModelMessage } from "ai"
import type { HandlerContext, Spoken } from "../handler.ts"
import { toModelMessages } from "../messages.ts"
import { Checkpoint, type Decision, decisionsOf, messagesAfter, type Pending } from "./approval.ts"
import type { AssistantOptions } from "./options.ts"
import { recall } from "./recall.ts"
import type { Toolbox } from "./toolbox.ts"

export interface Beginning {
  /** For the model. */
  readonly messages: ModelMessage[]
  /** The last of them: what the model said and the tools gave back since the work began. */
  readonly since: readonly ModelMessage[]
  /** On the calls that waited. */
  readonly decisions: readonly Decision[]
  /** Of the message that the work began with, and what it said; left out: of this one. */
  readonly question_id?: string
  readonly asked?: string
}

type Context = HandlerContext<AssistantOptions>

export async function beginningOf(context: Context, toolbox: Toolbox): Promise<Beginning> {
  const { message, checkpoint, history } = context
  const pending = Checkpoint.safeParse(checkpoint).data?.pending
  const answer = message.parts.find((part) => part.type === "input")
  // A file, or other words, while the question stays open (P6.7): the calls wait on.
  if (!pending || !answer) {
    return { messages: await conversation(context, message, history), since: [], decisions: [] }
  }
  const decisions = decisionsOf(pending, answer).map((decision) => {
    const gone = decision.approved && toolbox.describe(decision.name) === undefined
    return gone ? { ...decision, approved: false, comment: "The tool is not there any more." } : decision
  })
  const since = messagesAfter(pending, decisions)
  const { question_id, asked } = pending
  const messages = [...(await conversationBefore(context, pending)), ...since]
  return { messages, since, decisions, question_id, asked }
}

function conversation(
  { files, options }: Context,
  message: Spoken,
  history: Context["history"],
): Promise<ModelMessage[]> {
  const { vision, max_file_chars } = options
  return toModelMessages({ history, message, files, vision, max_file_chars, recall })
}

/** Up to the message that the work began with; what was said about it since is in what is pending. */
function conversationBefore(context: Context, { question_id, asked }: Pending): Promise<ModelMessage[]> {
  const { history } = context
  const place = history.findIndex(({ question }) => question.id === question_id)
  const began = history[place]?.question ?? { id: question_id, kind: "text", message: asked, parts: [] }
  return conversation(context, began, history.slice(0, Math.max(place, 0)))
}
