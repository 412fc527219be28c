// A command takes effect at once, in the commit that stores it and its reply; it does not wait in line and is no turn.
import type { Clock } from "../clock.ts"
import { ChatError } from "../errors.ts"
import type { HandlerCommand } from "../handlers/handler.ts"
import type { NewMessage } from "../store/append.ts"
import { type Accepted, guardOfSaid } from "./ask.ts"
import { lineFault } from "./branching.ts"
import { type CommandDeps, type CommandEffect, prepareCommand } from "./commands.ts"
import { type Incoming, type Kept, newMessage } from "./new-message.ts"
import { tries } from "./policy.ts"
import { refusalOf } from "./refusal.ts"

type Said = Incoming<Extract<Kept, { kind: "command" }>>

export interface RunCommandDeps extends CommandDeps {
  readonly clock: Clock
}

/** Once for each `id`, like any message (P3.3). Throws why not. `further` ones are the bot's, to be listed. */
export async function runCommand(
  deps: RunCommandDeps,
  incoming: Said,
  further: readonly HandlerCommand[] = [],
): Promise<Accepted> {
  const { chat, said, client_id } = incoming
  const message = newMessage(deps.clock, incoming, said.command, [], null)
  const refused = () => refusalOf(deps.db, chat.session.id, guardOfSaid(incoming), message)
  let before: CommandEffect | undefined
  for (let tried = 1; ; tried++) {
    // What it does may cost something: not for one that was done.
    const earlier = tried > 1 || client_id !== null ? await refused() : undefined
    if (earlier) return { seq: earlier.seq, dup: true }
    if (tried > 1) await chat.fill()
    const full = before?.plan && lineFault(chat, before.plan)
    if (full) throw full
    if (tried > tries) throw new ChatError("busy")
    const planned = await prepareCommand(deps, incoming, further)
    const tryOnce = await commit(deps, incoming, message, () => planned(before))
    if (tryOnce.done) return tryOnce.done
    before = tryOnce.effect
  }
}

async function commit(
  deps: RunCommandDeps,
  incoming: Said,
  message: NewMessage,
  planned: () => CommandEffect,
): Promise<{ readonly done?: Accepted; readonly effect: CommandEffect | undefined }> {
  const { chat, caller } = incoming
  let effect: CommandEffect | undefined
  const appending = deps.emitter.appendPlanned(chat.session, () => {
    effect = planned()
    const reply = replyOf(deps, incoming, message, effect)
    return {
      trace_id: caller.trace_id,
      guard: { ...guardOfSaid(incoming), ...effect.guard },
      messages: [message, reply],
      events: [
        { kind: "message", ref: message.id, data: null },
        ...effect.events,
        { kind: "result", ref: reply.id, data: null },
      ],
      ...effect.change,
    }
  })
  const { seqs, turn_state } = await appending.catch((error: unknown) => {
    const turn = effect?.change.new_turn
    if (turn && ChatError.within(error)?.code === "store_unavailable") deps.adoptTurn(chat, turn.id)
    throw error
  })
  const seq = seqs[0]
  if (seq === undefined) return { effect }
  const turn = effect?.change.new_turn
  if (turn && turn_state === "running") deps.adoptTurn(chat, turn.id)
  return { done: { seq, dup: false }, effect }
}

function replyOf(
  { clock }: RunCommandDeps,
  incoming: Said,
  { id }: NewMessage,
  { reply, parts = [] }: CommandEffect,
): NewMessage {
  const message = newMessage(clock, { ...incoming, client_id: null }, reply, [...parts], null)
  return { ...message, is_bot: true, kind: "text", extra: null, reply_to: id }
}
