// A real service with a bot that asks, and the link of its question: what whoever has that can do with files.
import type { z } from "zod"
import type { Fields } from "../../src/protocol/form.ts"
import { filesIn, jsonOf } from "../files/support.ts"
import type { TestClient } from "../support/client.ts"
import { type ScriptedHandler, scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer, type TestServer } from "../support/server.ts"

export type FieldsGiven = z.input<typeof Fields>
/** Values and files, by the names of the inputs. */
export type Filling = readonly (readonly [name: string, value: string | File])[]

export interface Sent {
  readonly status: number
  readonly text: string
  readonly headers: Headers
}

export interface LinkScene extends AsyncDisposable {
  readonly chat: TestServer
  readonly bot: ScriptedHandler
  readonly client: TestClient
  readonly input_id: string
  /** With the token. */
  readonly url: string
  /** As a browser sends a form with files. */
  send(filling: Filling, query?: string): Promise<Sent>
  /** The files that are kept, drafts included. */
  files(): Promise<string[]>
  /** The answer as the bot gets it. */
  answered(): ReturnType<typeof answerOf>
}

export const fileOf = (content: string | Uint8Array<ArrayBuffer>, name = "notes.txt", type = "") =>
  new File([content], name, { type })

export async function linkScene(fields: FieldsGiven, env: Record<string, string> = {}): Promise<LinkScene> {
  const bot = scriptedHandler()
  const chat = await startTestServer({ handlers: { scripted: bot.handler }, env })
  const client = await chat.connect({ chat: "c1" })
  const { input_id, url } = await askIn(chat, client, bot, fields)
  return {
    ...{ chat, bot, client, input_id, url },
    send: (filling, query) => sendTo(url, filling, query),
    files: () => filesIn(chat),
    answered: () => answerOf(bot),
    [Symbol.asyncDispose]: () => chat[Symbol.asyncDispose](),
  }
}

/** The bot asks in the chat of this client; resolves to the question and its link. */
export async function askIn(chat: TestServer, client: TestClient, bot: ScriptedHandler, fields: FieldsGiven) {
  await client.say("begin")
  void (await bot.run()).yield({ type: "question", prompt: "Your papers, please", fields })
  const { data } = await client.next("end", ({ data }) => data.state === "waiting_input")
  const input_id = data.question?.input_id ?? ""
  const headers = { "Content-Type": "application/json" }
  const made = await jsonOf(chat.fetch(`/chat/inputs/${input_id}/link`, { method: "POST", body: "{}", headers }))
  return { input_id, url: String(made.data.url) }
}

export async function sendTo(url: string, filling: Filling, query = ""): Promise<Sent> {
  const body = new FormData()
  for (const [name, value] of filling) body.append(name, value)
  const response = await fetch(`${url}${query}`, { method: "POST", body })
  return { status: response.status, text: await response.text(), headers: response.headers }
}

async function answerOf(bot: ScriptedHandler) {
  const { context } = await bot.run()
  const { message, files } = context
  const [input, ...parts] = message.parts
  if (input?.type !== "input") throw new Error("the message is no answer")
  const named = parts.flatMap((part) => (part.type === "file" ? [part] : []))
  const texts = await Promise.all(named.map(({ file_id = "" }) => files.text(file_id)))
  return { answer: input.answer, files: named, texts, user_id: message.user_id }
}

/** The files that a page offers to keep: their ids, by the names of their boxes. */
export function offered(text: string): [name: string, id: string][] {
  return [...text.matchAll(/name="(f\d+-kept)" value="(fil_\w+)" checked/g)].map(([, name = "", id = ""]) => [name, id])
}

/** What is said to be wrong with the field at a place. */
export function faultAt(text: string, place: number): string | undefined {
  return new RegExp(`id="f${place}-fault">([^<]*)<`).exec(text)?.[1]
}
