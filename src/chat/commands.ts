// The service's own commands. What each does is a value: a reply, and a change that commits together with the message.
import type { Handler, HandlerCommand } from "../handlers/handler.ts"
import { type Language, say } from "../language/language.ts"
import { Topic } from "../protocol/session.ts"
import type { Append, Guard, NewEvent } from "../store/append.ts"
import type { Caller } from "./follower.ts"
import { type ChatView, statusOf } from "./frames.ts"

export interface CommandEffect {
  readonly reply: string
  readonly guard: Guard
  readonly events: readonly NewEvent[]
  readonly change: Partial<Pick<Append, "session" | "stop_turn">>
}

const own = ["help", "title", "stop"] as const

/** The service's own, in the order in which they are shown. */
export function serviceCommands(language: Language): HandlerCommand[] {
  return own.map((name) => ({ name, description: say(language, `command_about_${name}`) }))
}

/** Those of a bot; the service's own come first, so one of the same name is not among them. */
export function botCommands(handler: Handler | undefined): readonly HandlerCommand[] {
  return (handler?.commands ?? []).filter(({ name }) => !own.some((taken) => taken === name))
}

/** Of `/name words` or `name words`. */
export function commandName(command: string): string {
  return /^\/?(\S+)/.exec(command.trim())?.[1]?.toLowerCase() ?? ""
}

/** `/name words` or `name words`. An unknown command is answered with the list, `further` ones included. */
export function commandEffect(
  command: string,
  chat: ChatView,
  { principal, language }: Caller,
  further: readonly HandlerCommand[] = [],
): CommandEffect {
  const [, name = "", words = ""] = /^\/?(\S+)\s*([\s\S]*)$/.exec(command.trim()) ?? []
  switch (name.toLowerCase()) {
    case "help":
      return only(help(language, further))
    case "title":
      return title(words.trim(), chat, language)
    case "stop":
      return stop(chat, principal.user_id, language)
    default:
      return only(say(language, "command_unknown", { command: name.slice(0, 50), help: help(language, further) }))
  }
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
  const commands = [...serviceCommands(language), ...further].map(
    ({ name, description }) => `/${name} - ${description}`,
  )
  return say(language, "command_help", { commands: commands.join("; ") })
}

function title(words: string, chat: ChatView, language: Language): CommandEffect {
  const topic = Topic.safeParse(words)
  if (words === "" || !topic.success) return only(say(language, "command_title_missing"))
  const status = statusOf({ ...chatView(chat), session: { ...chat.session, topic: topic.data } }, ["topic"])
  return {
    reply: say(language, "command_title_set", { topic: topic.data }),
    guard: {},
    events: [{ kind: "status", ref: null, data: status }],
    change: { session: { topic: topic.data } },
  }
}

function stop(chat: ChatView, by: number, language: Language): CommandEffect {
  const turn = chat.turns[0]
  if (!turn) return only(say(language, "command_stop_too_late"))
  return { reply: say(language, "command_stop_requested"), ...stopOf(turn.turn_id, by) }
}

function only(reply: string): CommandEffect {
  return { reply, guard: {}, events: [], change: {} }
}

function chatView({ session, turns, question }: ChatView): ChatView {
  return { session, turns, question }
}
