// Answering one question by a signed link, in a browser without script. The link shows the question and nothing else of the chat.
import { type Context, Hono } from "hono"
import { verifyLink } from "../auth/answer-link.ts"
import { timestamp } from "../clock.ts"
import { ChatError } from "../errors.ts"
import { badForm } from "../files/form.ts"
import { say } from "../language/language.ts"
import { ClientId } from "../protocol/ids.ts"
import { routes } from "../protocol/rest.ts"
import { AnswerInput, type InputItem } from "../protocol/rest-inputs.ts"
import { messageByClientId } from "../store/events.ts"
import type { Env } from "./answer.ts"
import { type FilledForm, filledIn } from "./answer-filled.ts"
import { answerOfForm } from "./answer-form.ts"
import { fieldsOf, formPage, thanksPage } from "./answer-page.ts"
import type { AppDeps } from "./app.ts"
import { inputOf, refuseClosed } from "./inputs.ts"
import { paceOf } from "./pace.ts"

const { showInput, sendInput } = routes

type LinkDeps = Pick<AppDeps, "db" | "chat" | "held" | "secret" | "clock" | "config">
type Linked = Awaited<ReturnType<typeof linked>>

export function answerLinkRoutes(deps: LinkDeps) {
  // Each question by itself: whoever has a link cannot slow down who made it.
  const keepPace = paceOf<string>(deps)
  const max_file_bytes = deps.config.files.max_bytes
  return new Hono<Env>()
    .get(showInput.path, async (c) => {
      const { input } = await linked(deps, c)
      refuseClosed(input, timestamp(deps.clock.now()))
      return formPage(c, input, { max_file_bytes })
    })
    .post(sendInput.path, async (c) => {
      const link = await linked(deps, c)
      const { input, user_id } = link
      const { input_id } = input
      keepPace(input_id)
      const goesOn = async (once: string | undefined) => {
        if (input.state === "open") return true
        if (await answeredBefore(deps, link, once)) return false
        refuseClosed(input, timestamp(deps.clock.now()))
        return true
      }
      const fields = fieldsOf(input, c.var.language)
      const form = await filledIn({ held: deps.held, max_file_bytes, fields, user_id, input_id, goesOn }, c)
      if (!form) return thanksPage(c)
      const faults = await give(deps, c, link, form)
      return faults ? formPage(c, input, { ...form, faults, max_file_bytes }) : thanksPage(c)
    })
}

/** The question of the link, and in whose name and role it is answered. */
async function linked({ db, secret, clock }: LinkDeps, c: Context<Env>) {
  const param = showInput.param.safeParse(c.req.param())
  if (!param.success) throw new ChatError("not_found", { params: { what: "question" } })
  const { input_id } = param.data
  const link = await verifyLink(secret, c.req.query("token") ?? "", input_id, clock)
  return { ...link, input: await inputOf(db, link.user_id, input_id, timestamp(clock.now())) }
}

/** Gives the answer, or resolves to what is wrong with it, by the fields' keys. */
async function give(
  { chat, held, ...deps }: LinkDeps,
  c: Context<Env>,
  link: Linked,
  form: FilledForm,
): Promise<Readonly<Record<string, string>> | undefined> {
  const { input, user_id, role, expires_at } = link
  const { language, trace_id } = c.var
  const once = ClientId.safeParse(form.filled.get("once")?.[0]).data
  try {
    const said = answerOf(c, input, form)
    if ("faults" in said) return said.faults
    const data = { kind: "input" as const, input_id: input.input_id, answer: said.answer }
    const caller = { principal: { user_id, role, expires_at }, language, trace_id }
    // Sent twice by an impatient click, it is the same answer.
    await chat.handleMessage(input.session_id, once === undefined ? { data } : { data, id: once }, caller)
  } catch (fault) {
    const error = ChatError.within(fault)
    if (error?.code === "bad_answer" && error.fields) return error.fields
    // What may have been stored all the same waits for a later look, which asks the store.
    if (error && error.code !== "store_unavailable") await held.drop(input.input_id, form.uploaded)
    await held.tidy(input.input_id)
    // With files the second click is the same answer as well: they came twice, and are known by other ids.
    const twice = error?.code === "id_conflict" && form.uploaded.length > 0
    if (twice && (await answeredBefore(deps, link, once))) return undefined
    throw fault
  }
  await held.tidy(input.input_id)
  return undefined
}

/** Was it by this very form that the question was answered? */
async function answeredBefore({ db }: Pick<LinkDeps, "db">, { input, user_id }: Linked, once: string | undefined) {
  const client_id = ClientId.safeParse(once)
  if (!client_id.success) return false
  const message = await messageByClientId(db, { session_id: input.session_id, user_id, client_id: client_id.data })
  return message?.parts.some((part) => part.type === "input" && part.input_id === input.input_id) ?? false
}

function answerOf(c: Context<Env>, input: InputItem, { filled, chosen, faults }: FilledForm) {
  const { language } = c.var
  const fields = fieldsOf(input, language)
  const { answer, unreadable } = answerOfForm(fields, filled, chosen)
  const free = input.fields.length === 0
  const text = String(answer.answer ?? "")
  if (free && text.trim() === "") return { faults: { answer: say(language, "field_needed") } }
  const wrong = { ...faults, ...Object.fromEntries(unreadable.map((key) => [key, say(language, "field_json")])) }
  if (Object.keys(wrong).length > 0) return { faults: wrong }
  const checked = AnswerInput.shape.answer.safeParse(free ? text : answer)
  if (!checked.success) throw badForm(checked.error)
  return { answer: checked.data }
}
