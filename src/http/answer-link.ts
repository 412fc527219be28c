// Answering one question by a signed link, in a browser without script. The link shows the question and nothing else of the chat.
import { type Context, Hono } from "hono"
import { verifyLink } from "../auth/answer-link.ts"
import { timestamp } from "../clock.ts"
import { ChatError } from "../errors.ts"
import { say } from "../language/language.ts"
import { ClientId } from "../protocol/ids.ts"
import { routes } from "../protocol/rest.ts"
import { AnswerInput, type InputItem } from "../protocol/rest-inputs.ts"
import { type Env, errorOf } from "./answer.ts"
import { answerOfForm, type Filled } from "./answer-form.ts"
import { fieldsOf, formPage, refusalPage, thanksPage } from "./answer-page.ts"
import type { AppDeps } from "./app.ts"
import { inputOf, refuseClosed } from "./inputs.ts"

const { showInput, sendInput } = routes

type LinkDeps = Pick<AppDeps, "db" | "chat" | "secret" | "clock">

export function answerLinkRoutes(deps: LinkDeps) {
  return new Hono<Env>()
    .get(showInput.path, (c) =>
      asPage(c, async () => {
        const { input } = await linked(deps, c)
        refuseClosed(input, timestamp(deps.clock.now()))
        return formPage(c, input, {})
      }),
    )
    .post(sendInput.path, (c) =>
      asPage(c, async () => {
        const { input, user_id, role, expires_at } = await linked(deps, c)
        const filled = await filledIn(c)
        const { language, trace_id } = c.var
        const said = answerOf(c, input, filled)
        if ("faults" in said) return formPage(c, input, { filled, faults: said.faults })
        const once = ClientId.safeParse(filled.get("once")?.[0])
        const data = { kind: "input" as const, input_id: input.input_id, answer: said.answer }
        const caller = { principal: { user_id, role, expires_at }, language, trace_id }
        try {
          // Sent twice by an impatient click, it is the same answer.
          await deps.chat.handleMessage(input.session_id, once.success ? { data, id: once.data } : { data }, caller)
        } catch (fault) {
          const error = ChatError.within(fault)
          if (error?.code !== "bad_answer" || !error.fields) throw fault
          return formPage(c, input, { filled, faults: error.fields })
        }
        return thanksPage(c)
      }),
    )
}

/** A refusal is a page as well; what it was goes to the log as that of any other request. */
async function asPage(c: Context<Env>, act: () => Promise<Response>): Promise<Response> {
  try {
    return await act()
  } catch (fault) {
    c.error = fault instanceof Error ? fault : new Error(String(fault))
    return refusalPage(c, errorOf(fault))
  }
}

/** The question of the link, and in whose name and role it is answered. */
async function linked({ db, secret, clock }: LinkDeps, c: Context<Env>) {
  const param = showInput.param.safeParse(c.req.param())
  if (!param.success) throw new ChatError("not_found", { params: { what: "question" } })
  const { input_id } = param.data
  const link = await verifyLink(secret, c.req.query("token") ?? "", input_id, clock)
  return { ...link, input: await inputOf(db, link.user_id, input_id, timestamp(clock.now())) }
}

async function filledIn(c: Context<Env>): Promise<Filled> {
  const body = await c.req.parseBody({ all: true }).catch((cause: unknown) => {
    throw ChatError.within(cause) ?? new ChatError("bad_request", { params: { problem: "form" }, cause })
  })
  return new Map(
    Object.entries(body).map(([name, value]) => [
      name,
      (Array.isArray(value) ? value : [value]).filter((one) => typeof one === "string"),
    ]),
  )
}

function answerOf(c: Context<Env>, input: InputItem, filled: Filled) {
  const { language } = c.var
  const fields = fieldsOf(input, language)
  const { answer, unreadable } = answerOfForm(fields, filled)
  const free = input.fields.length === 0
  const text = String(answer.answer ?? "")
  if (free && text.trim() === "") return { faults: { answer: say(language, "field_needed") } }
  if (unreadable.length > 0) {
    return { faults: Object.fromEntries(unreadable.map((key) => [key, say(language, "field_json")])) }
  }
  const checked = AnswerInput.shape.answer.safeParse(free ? text : answer)
  if (!checked.success) throw new ChatError("bad_request", { params: { problem: "form" }, cause: checked.error })
  return { answer: checked.data }
}
