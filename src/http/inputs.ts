// /chat/inputs: the bots' questions. Reading goes to the store; an answer goes through the ChatPort, as one of a socket does.
import { Hono } from "hono"
import { z } from "zod"
import { issueLink } from "../auth/answer-link.ts"
import { ownerFor, reachFor } from "../auth/rights.ts"
import { timestamp } from "../clock.ts"
import { ChatError } from "../errors.ts"
import { InputId } from "../protocol/ids.ts"
import { routes } from "../protocol/rest.ts"
import type { InputItem } from "../protocol/rest-inputs.ts"
import type { Database } from "../store/database.ts"
import { findInput, listInputs } from "../store/inputs.ts"
import { answer, type ChatEnv } from "./answer.ts"
import type { AppDeps } from "./app.ts"
import { pageOf, placeOf } from "./cursor.ts"
import { sessionOf } from "./sessions.ts"
import { valid } from "./valid.ts"

const { listInputs: list, getInput, answerInput, linkInput } = routes
const Position = z.tuple([InputId])

export function inputRoutes({ db, chat, secret, clock, config }: AppDeps) {
  const now = () => timestamp(clock.now())
  return new Hono<ChatEnv>()
    .get(list.path, valid("query", list.query), async (c) => {
      const { lang: _, user_id, chat_id, state, cursor, limit } = c.req.valid("query")
      const { principal } = c.var
      const session =
        chat_id === undefined
          ? undefined
          : await sessionOf(db, principal, chat_id, { user_id: user_id === "all" ? undefined : user_id })
      const owner = session?.user_id ?? ownerFor(principal, user_id)
      const filter = { owner, session_id: session?.id, state }
      const after = placeOf([list.path, filter], Position, cursor)?.[0]
      const rows = await listInputs(db, { ...filter, now: now() }, { after, limit: limit + 1 })
      return answer(
        c,
        pageOf([list.path, filter], rows, limit, (row) => [row.input_id]),
      )
    })
    .get(getInput.path, valid("param", getInput.param), valid("query", getInput.query), async (c) => {
      const { owner } = reachFor(c.var.principal, c.req.valid("query").user_id)
      return answer(c, await inputOf(db, owner, c.req.valid("param").input_id, now()))
    })
    .post(
      answerInput.path,
      valid("param", answerInput.param),
      valid("query", answerInput.query),
      valid("json", answerInput.body),
      async (c) => {
        const { principal, language, trace_id } = c.var
        const { answer: said, client_id } = c.req.valid("json")
        // Nobody speaks in another's name, an administrator neither.
        const { input_id, session_id } = await inputOf(db, principal.user_id, c.req.valid("param").input_id, now())
        const data = { kind: "input" as const, input_id, answer: said }
        const frame = client_id === undefined ? { data } : { data, id: client_id }
        const { seq, dup } = await chat.handleMessage(session_id, frame, { principal, language, trace_id })
        return answer(c, { seq, dup })
      },
    )
    .post(
      linkInput.path,
      valid("param", linkInput.param),
      valid("query", linkInput.query),
      valid("json", linkInput.body),
      async (c) => {
        const { user_id, role } = c.var.principal
        const input = await inputOf(db, user_id, c.req.valid("param").input_id, now())
        refuseClosed(input, now())
        const asked = clock.now() + c.req.valid("json").expires_in_s * 1000
        const latest = input.expires_at === null ? asked : Math.min(asked, Date.parse(input.expires_at))
        const expires_at = Math.floor(latest / 1000) * 1000
        const { input_id } = input
        const token = await issueLink(secret, { input_id, user_id, role, expires_at }, clock)
        // What a proxy says about the address it was asked for can be said by anybody, so it is configured or not known.
        const base = (config.public_url ?? new URL(c.req.url).origin).replace(/\/+$/, "")
        const url = `${base}/chat/inputs/${input_id}/answer?token=${token}`
        return answer(c, { url, expires_at: timestamp(expires_at) })
      },
    )
}

/** Throws `not_found`, for missing and foreign alike. */
export async function inputOf(
  db: Database,
  owner: Parameters<typeof findInput>[1],
  input_id: string,
  now: string,
): Promise<InputItem> {
  const input = await findInput(db, owner, input_id, now)
  if (!input) throw new ChatError("not_found", { params: { what: "question" } })
  return input
}

/** Throws `no_question`, or `question_expired` when that is why it is closed. */
export function refuseClosed({ state, expires_at, closed_at }: InputItem, now: string): void {
  if (state === "open") return
  const expired = state === "closed" && expires_at !== null && (closed_at ?? now) >= expires_at
  throw new ChatError(expired ? "question_expired" : "no_question")
}
