// The service's own commands. What each does is a value: a reply, and a change that commits together with the message.
import type { Handler, HandlerCommand } from "../handlers/handler.ts"
import { type Language, type Sentence, say } from "../language/language.ts"
import type { Part } from "../protocol/message.ts"
import { Topic } from "../protocol/session.ts"
import type { Append, Guard, NewEvent } from "../store/append.ts"
import { type BranchDeps, questionToRepeat, repetition } from "./branching.ts"
import { type ExportDeps, exported } from "./export.ts"
import { statusOf } from "./frames.ts"
import type { LiveChat } from "./live-chat.ts"
import { nearest } from "./nearest.ts"
import type { Incoming, Kept } from "./new-message.ts"
import type { Plan } from "./policy.ts"

export interface CommandEffect {
  readonly reply: string
  /** Of the reply. */
  readonly parts?: readonly Part[]
  readonly guard: Guard
  readonly events: readonly NewEvent[]
  readonly change: Partial<Pick<Append, "session" | "stop_turn" | "close_question" | "drop_turns" | "new_turn">>
  /** Of the turn that begins with it. */
  readonly plan?: Plan
}

/** One that can be said in a chat. */
export interface Command extends HandlerCommand {
  /** How it is written. */
  readonly usage: string
}

export interface CommandDeps extends BranchDeps, ExportDeps {}

const own = ["help", "title", "stop", "clear", "retry", "export"] as const
type Own = (typeof own)[number]
const withWords: Partial<Record<Own, Sentence>> = { title: "command_usage_title", export: "command_usage_export" }

/** The service's own, in the order in which they are shown. */
export function serviceCommands(language: Language): Command[] {
  return own.map((name) => {
    const words = withWords[name]
    const usage = words ? `/${name} ${say(language, words)}` : `/${name}`
    return { name, usage, description: say(language, `command_about_${name}`) }
  })
}

/** Those of a bot; the service's own come first, so one of the same name is not among them. */
export function botCommands(handler: Handler | undefined): readonly HandlerCommand[] {
  return (handler?.commands ?? []).filter(({ name }) => !isOwn(name))
}

/** Of `/name words` or `name words`. */
export function commandName(command: string): string {
  return /^\/?(\S+)/.exec(command.trim())?.[1]?.toLowerCase() ?? ""
}

/** What comes of a command in the moment of its commit. `before`: what was tried and did not go through. */
export type Planned = (before?: CommandEffect) => CommandEffect

/** Reads `/name words` or `name words`. One that is not known is answered with the nearest and the list, `further` ones included. */
export async function prepareCommand(
  deps: CommandDeps,
  incoming: Incoming<Extract<Kept, { kind: "command" }>>,
  further: readonly HandlerCommand[] = [],
): Promise<Planned> {
  const { chat, said, caller } = incoming
  const { language, principal } = caller
  const name = commandName(said.command)
  const words = said.command.trim().replace(/^\S+\s*/, "")
  if (!isOwn(name)) return () => only(unknown(name, language, further))
  switch (name) {
    case "help":
      return () => only(help(language, further))
    case "title":
      return () => title(words.trim(), chat, language)
    case "stop":
      return (before) => stop(chat, principal.user_id, language, before)
    case "clear":
      return () => clear(chat, language)
    case "retry":
      return retry(deps, incoming)
    case "export": {
      const { reply, parts } = await exported(deps, chat, caller, words)
      return () => ({ ...only(reply), parts })
    }
  }
}

function isOwn(name: string): name is Own {
  return own.some((one) => one === name)
}

/** The event and the change that ask for a turn's stop. */
export function stopOf(turn_id: string, by: number): Omit<CommandEffect, "reply"> {
  return {
    guard: { stoppable: turn_id },
    events: [{ kind: "interrupt", ref: turn_id, data: { turn_id, result: "requested", by } }],
    change: { stop_turn: turn_id },
  }
}

function help(language: Language, further: readonly HandlerCommand[]): string {
  const bots = further.map(({ name, description }) => ({ usage: `/${name}`, description }))
  const lines = [...serviceCommands(language), ...bots].map(({ usage, description }) => `${usage} - ${description}`)
  return [say(language, "command_help"), ...lines].join("\n")
}

function unknown(name: string, language: Language, further: readonly HandlerCommand[]): string {
  const near = nearest(name, [...own, ...further.map((one) => one.name)])
  const params = { command: name.slice(0, 50).toWellFormed(), help: help(language, further) }
  return near === undefined
    ? say(language, "command_unknown", params)
    : say(language, "command_nearest", { ...params, name: near })
}

function title(words: string, chat: LiveChat, language: Language): CommandEffect {
  const topic = Topic.safeParse(words)
  if (words === "" || !topic.success) return only(say(language, "command_title_missing"))
  const { session, turns, question } = chat
  const status = statusOf({ session: { ...session, topic: topic.data }, turns, question }, ["topic"])
  return {
    reply: say(language, "command_title_set", { topic: topic.data }),
    guard: {},
    events: [{ kind: "status", ref: null, data: status }],
    change: { session: { topic: topic.data } },
  }
}

function stop(chat: LiveChat, by: number, language: Language, before: CommandEffect | undefined): CommandEffect {
  const turn = chat.turns[0]
  if (!turn) return only(say(language, "command_stop_too_late"))
  const reply = say(language, "command_stop_requested")
  // It is open still, so somebody asked for it before.
  return before?.change.stop_turn === turn.turn_id ? only(reply) : { reply, ...stopOf(turn.turn_id, by) }
}

/** The conversation begins anew (P6.16): nothing is taken away but the question that waits, which would take what is said next. */
function clear({ session, turns, question }: LiveChat, language: Language): CommandEffect {
  const reply = say(language, "command_clear_done")
  if (session.head === null && !question) return only(reply)
  const rests = question !== null && turns.length === 0
  const after = { ...session, head: null, ...(rests ? { state: "completed" as const } : {}) }
  const changed = ["branch" as const, ...(question ? ["question" as const] : []), ...(rests ? ["state" as const] : [])]
  return {
    reply,
    // As it was looked at: a turn that ends meanwhile may leave a question.
    guard: { line: turns.map(({ turn_id }) => turn_id), ...(question ? { question: question.input_id } : {}) },
    events: [{ kind: "status", ref: null, data: statusOf({ session: after, turns, question: null }, changed) }],
    change: {
      session: { head: null, ...(rests ? { state: "completed" } : {}) },
      ...(question ? { close_question: question.input_id } : {}),
    },
  }
}

/** As `regenerate` does (P6.12), of the last question on the branch. */
async function retry(deps: CommandDeps, incoming: Incoming): Promise<Planned> {
  const { chat, caller, said } = incoming
  const question = await questionToRepeat(deps, incoming, chat.session.head)
  if (!question) return () => only(say(caller.language, "command_retry_nothing"))
  const { plan } = await repetition(deps, incoming, question, said.policy)
  return () => {
    const { made, data, change } = plan()
    return {
      reply: say(caller.language, "command_retry_begun"),
      guard: made.guard,
      events: [{ kind: "status", ref: question.id, data }, ...made.events],
      change,
      plan: made,
    }
  }
}

function only(reply: string): CommandEffect {
  return { reply, guard: {}, events: [], change: {} }
}
