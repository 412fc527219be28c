// The pages behind a signed link (P6.15): a form for one question, and what came of it. No script, nothing from elsewhere.
import { createHash } from "node:crypto"
import type { Context } from "hono"
import { html, raw } from "hono/html"
import { type ChatError, type ErrorCode, errorTable } from "../errors.ts"
import { describe, type Language, type Sentence, say } from "../language/language.ts"
import type { Field } from "../protocol/form.ts"
import type { InputItem } from "../protocol/rest-inputs.ts"
import type { Env } from "./answer.ts"
import { fieldHtml, type Html } from "./answer-fields.ts"
import { type Chosen, type Filled, namesOf } from "./answer-form.ts"

const style = `body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
h1{font-size:1.25rem;white-space:pre-wrap}.field{margin:1.25rem 0}fieldset{border:1px solid #767676;padding:.5rem 1rem}
label,legend{display:block;font-weight:600}.choice{font-weight:400}.hint{margin:.1rem 0;color:#595959}
.fault,.faults{margin:.1rem 0;color:#a80000;font-weight:600}pre{white-space:pre-wrap;background:#f2f2f2;padding:.5rem}
input:not([type=radio],[type=checkbox]),select,textarea{font:inherit;width:100%;box-sizing:border-box;padding:.4rem;border:1px solid #767676}
button{font:inherit;padding:.5rem 1.5rem}`
const policy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'`,
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ")

type Status = 200 | 400 | 403 | 404 | 409 | 410 | 413 | 422 | 429 | 500 | 503

async function page(c: Context<Env>, title: string, body: Html, status: Status): Promise<Response> {
  const { language } = c.var
  c.header("Content-Security-Policy", policy)
  c.header("X-Robots-Tag", "noindex, nofollow")
  c.header("Content-Language", language)
  return c.html(
    await html`<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow">
<title>${title}</title>
<style>${raw(style)}</style>
</head>
<body><main>${body}</main></body>
</html>
`,
    status,
  )
}

/** A question without fields is a form with one. */
export function fieldsOf({ fields }: Pick<InputItem, "fields">, language: Language): readonly Field[] {
  if (fields.length > 0) return fields
  return [{ type: "text", key: "answer", label: say(language, "page_answer"), required: true, multiline: true }]
}

export interface FormState {
  /** Undefined: the form is new. */
  readonly filled?: Filled
  readonly chosen?: Chosen
  /** By the fields' keys. */
  readonly faults?: Readonly<Record<string, string>>
  /** Bytes of one file. */
  readonly max_file_bytes: number
}

/** The form. `once` is the same when it is sent twice. */
export function formPage(c: Context<Env>, input: InputItem, state: FormState): Promise<Response> {
  const { language } = c.var
  const { filled, chosen = new Map(), faults = {}, max_file_bytes } = state
  const fields = fieldsOf(input, language)
  const title = say(language, "page_title")
  const faultOf = (key: string) => (Object.hasOwn(faults, key) ? faults[key] : undefined)
  const named = fields.flatMap((field, place) => {
    const fault = faultOf(field.key)
    const line = say(language, "answer_line", { label: field.label ?? field.key, value: fault ?? "" })
    return fault ? [html`<li><a href="#${namesOf(place).field}">${line}</a></li>`] : []
  })
  const wrong = Object.keys(faults).length > 0
  const once = filled?.get("once")?.[0] ?? crypto.randomUUID()
  const context = { language, filled, chosen, max_file_bytes }
  const encoding = fields.some(({ type }) => type === "file") ? html`enctype="multipart/form-data"` : ""
  const body = html`<h1>${input.prompt}</h1>
${wrong ? html`<div role="alert" class="faults"><p>${say(language, "page_wrong")}</p><ul>${named}</ul></div>` : ""}
${input.expires_at ? html`<p class="hint">${say(language, "page_until", { time: shownTime(input.expires_at) })}</p>` : ""}
<form method="post" accept-charset="utf-8" ${encoding}>
<input type="hidden" name="once" value="${once}">
${fields.map((field, place) => fieldHtml(field, { ...context, place, fault: faultOf(field.key) }))}
<button type="submit">${say(language, "page_send")}</button>
</form>`
  return page(c, title, body, wrong ? 422 : 200)
}

export function thanksPage(c: Context<Env>): Promise<Response> {
  return notice(c, say(c.var.language, "page_thanks"), 200)
}

/** Sentences about frames and tokens, said of a link; and another status where the code's own is about something else. */
const linkWords: Partial<Record<ErrorCode, { sentence: Sentence; status?: Status }>> = {
  forbidden: { sentence: "page_link" },
  token_expired: { sentence: "page_link_expired", status: 410 },
  not_found: { sentence: "page_missing" },
  no_question: { sentence: "page_closed" },
  id_conflict: { sentence: "page_closed" },
  session_ended: { sentence: "page_closed" },
  question_expired: { sentence: "page_expired" },
  bad_request: { sentence: "page_unreadable" },
  frame_too_large: { sentence: "rest_frame_too_large" },
  rate_limited: { sentence: "rest_rate_limited" },
}

/** A refusal as a plain sentence. */
export function refusalPage(c: Context<Env>, error: ChatError): Promise<Response> {
  const { language } = c.var
  const own = linkWords[error.code]
  const { retry_after_ms } = error
  if (retry_after_ms !== undefined) c.header("Retry-After", String(Math.ceil(retry_after_ms / 1000)))
  const sentence = own ? say(language, own.sentence, error.params) : describe(error, language).message
  return notice(c, sentence, own?.status ?? statusOf(errorTable[error.code].http))
}

function statusOf(http: number): Status {
  const known = [400, 403, 404, 409, 410, 413, 422, 429, 503] as const
  return known.find((status) => status === http) ?? 500
}

function notice(c: Context<Env>, sentence: string, status: Status): Promise<Response> {
  return page(c, say(c.var.language, "page_title"), html`<h1>${sentence}</h1>`, status)
}

function shownTime(time: string): string {
  return `${time.slice(0, 16).replace("T", " ")} UTC`
}
