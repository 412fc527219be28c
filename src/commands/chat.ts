// bun run chat: a conversation in the terminal, or with a script through a pipe. The first user of src/client.

import { ClientError } from "../client/error.ts"
import { Commands } from "./chat/commands.ts"
import { Conversation, type Place } from "./chat/conversation.ts"
import { Keyboard } from "./chat/keyboard.ts"
import { type ChatCommandOptions, readOptions, usage } from "./chat/options.ts"
import { Screen } from "./chat/screen.ts"
import { Service } from "./chat/service.ts"
import { fail, UsageError } from "./start-up.ts"

try {
  const options = readOptions(Bun.argv.slice(2))
  if (options) process.exitCode = (await talk(options)) ? 0 : 1
  else process.stdout.write(`${usage}\n`)
} catch (error) {
  fail(error instanceof ClientError ? new UsageError(error.message, { cause: error }) : error)
}

/** False when something that was said was not delivered or not answered. Rejects with ClientError when there is no chat to be had. */
async function talk(options: ChatCommandOptions): Promise<boolean> {
  const terminal = Boolean(process.stdin.isTTY && process.stdout.isTTY)
  const screen = new Screen({ out: process.stdout, notes: process.stderr, terminal })
  const service = new Service(options)
  const place = await placeOf(options, service)
  const left = new AbortController()
  let fault: ClientError | null = null

  const leave = () => {
    if (left.signal.aborted) return
    left.abort()
    keyboard.close()
    if (conversation.unacked > 0) fault ??= undelivered(conversation.unacked)
    conversation.close()
  }
  const prompt = () => {
    const hide = left.signal.aborted || conversation.busy ? null : keyboard.prompt()
    if (hide) screen.prompted(hide)
  }
  const interrupted = () => {
    if (!conversation.stop()) leave()
  }
  const keyboard = new Keyboard({ input: process.stdin, output: process.stdout, terminal, interrupted })
  const conversation = new Conversation({ options, service, screen }, place, {
    changed: prompt,
    lost(error) {
      fault = error
      leave()
    },
  })
  const commands = new Commands({ conversation, service, screen, quit: leave })
  const take = async (line: string) => {
    // A script's first line may be the answer to a question that waits since long before.
    if (!terminal) await conversation.ready().catch(() => undefined)
    const text = line.trim()
    // No command has a second slash.
    const isPath = conversation.asking === "file" && /^\/\S*\//.test(text)
    const isCommand = text.startsWith("/") && !isPath
    // An empty line may be the answer to a field.
    if (!isCommand && conversation.asking) return conversation.answer(line)
    if (!text) return true
    const done = isCommand ? await commands.run(text) : null
    return done ?? conversation.say(isCommand ? { kind: "command", command: text } : line)
  }

  process.on("SIGINT", interrupted)
  let well = true
  for await (const line of keyboard.lines()) {
    const taken = take(line).finally(prompt)
    // A script hears each answer before it says the next thing; a person may go on typing.
    if (!terminal) well = (await taken) && well
    if (left.signal.aborted) break
  }
  leave()
  process.off("SIGINT", interrupted)
  screen.newline()
  if (fault) throw fault
  return well
}

/** The chat that was asked for, else the last one, else a new one. */
async function placeOf({ flow, type, chat }: ChatCommandOptions, service: Service): Promise<Place> {
  if (chat !== undefined) {
    const session = await service.session(chat)
    const known = { flow_id: flow ?? session?.flow_id ?? "default", chat_type: type ?? session?.chat_type ?? "NORMAL" }
    return { ...known, chat_id: session?.chat_id ?? chat }
  }
  const [last] = await service.sessions(1, { flow_id: flow, chat_type: type })
  const place = { flow_id: flow ?? last?.flow_id ?? "default", chat_type: type ?? last?.chat_type ?? "NORMAL" }
  return last && last.state !== "ended" ? { ...place, chat_id: last.chat_id } : place
}

function undelivered(count: number): ClientError {
  return new ClientError("undelivered", `${count === 1 ? "A message was" : `${count} messages were`} not delivered`)
}
