// The fields of a question as HTML: each with its label, its help, and what is wrong with it, for screen readers as well.
import { html } from "hono/html"
import { type Language, say } from "../language/language.ts"
import { type Field, maxFiles } from "../protocol/form.ts"
import { type Chosen, type Filled, namesOf, shownValue } from "./answer-form.ts"

export interface FieldContext {
  readonly place: number
  readonly language: Language
  /** What was filled in before; undefined: the form is new. */
  readonly filled: Filled | undefined
  readonly fault: string | undefined
  readonly chosen: Chosen
  /** Bytes of one file. */
  readonly max_file_bytes: number
}

export type Html = ReturnType<typeof html>

export function fieldHtml(field: Field, context: FieldContext): Html {
  const { place, language, fault } = context
  const { field: id } = namesOf(place)
  const group = field.type === "confirm" || (field.type === "select" && field.multiple)
  const label = html`${field.label ?? field.key}${field.required ? "" : html` <small>${say(language, "page_optional")}</small>`}`
  const about = html`
    ${field.hint ? html`<p class="hint" id="${id}-hint">${field.hint}</p>` : ""}
    ${fault ? html`<p class="fault" id="${id}-fault">${fault}</p>` : ""}`
  const control = controlHtml(field, context)
  if (!group) return html`<div class="field"><label for="${id}">${label}</label>${about}${control}</div>`
  return html`<fieldset class="field" id="${id}" tabindex="-1" ${describedBy(field, context)}>
    <legend>${label}</legend>${about}${control}</fieldset>`
}

/** Ids of the help and of what is wrong. */
function describedBy(field: Field, { place, fault }: FieldContext): Html {
  const { field: id } = namesOf(place)
  const size = field.type === "file" ? `${id}-size` : ""
  const ids = [field.hint ? `${id}-hint` : "", fault ? `${id}-fault` : "", size].filter(Boolean).join(" ")
  return html`${ids ? html`aria-describedby="${ids}"` : ""}`
}

function controlHtml(field: Field, context: FieldContext): Html {
  const { place, language, filled, fault } = context
  const { field: name } = namesOf(place)
  const standard = "default" in field && field.default !== undefined ? [field.default].flat().map(String) : []
  const values = filled ? (filled.get(name) ?? []) : standard
  const state = html`id="${name}" name="${name}" ${field.required ? html`required` : ""}
    ${fault ? html`aria-invalid="true"` : ""} ${describedBy(field, context)}`
  switch (field.type) {
    case "text": {
      const { min_length, max_length, format, multiline } = field
      const lengths = html`${min_length === undefined ? "" : html`minlength="${min_length}"`}
        ${max_length === undefined ? "" : html`maxlength="${max_length}"`}`
      // A textarea drops a line end right after its tag.
      if (multiline) return html`<textarea rows="5" ${state} ${lengths}>${"\n"}${values[0] ?? ""}</textarea>`
      return html`<input type="${format ?? "text"}" ${state} ${lengths} value="${values[0] ?? ""}">`
    }
    case "number": {
      const { min, max, integer } = field
      return html`<input type="number" ${state} step="${integer ? "1" : "any"}"
        ${min === undefined ? "" : html`min="${min}"`} ${max === undefined ? "" : html`max="${max}"`} value="${values[0] ?? ""}">`
    }
    case "select": {
      const chosen = new Set(values)
      if (field.multiple) {
        return html`${field.options.map(
          ({ value, label }) => html`<label class="choice"><input type="checkbox" name="${name}" value="${value}"
            ${chosen.has(value) ? html`checked` : ""}> ${label ?? value}</label>`,
        )}`
      }
      return html`<select ${state}><option value="">${say(language, "page_choose")}</option>${field.options.map(
        ({ value, label }) =>
          html`<option value="${value}" ${chosen.has(value) ? html`selected` : ""}>${label ?? value}</option>`,
      )}</select>`
    }
    case "file":
      return fileHtml(field, context)
    case "confirm":
      return confirmHtml(field, context)
  }
}

/** No page can fill in a file again: what was uploaded already is kept by its own box, unless the person clears that. */
function fileHtml(field: Extract<Field, { type: "file" }>, context: FieldContext): Html {
  const { place, language, fault, chosen, max_file_bytes } = context
  const { field: name, kept } = namesOf(place)
  const files = chosen.get(place) ?? []
  const params = { size: shownSize(max_file_bytes), max: maxFiles }
  return html`${files.map(
    (file) => html`<label class="choice"><input type="checkbox" name="${kept}" value="${file.id}" checked>
      ${say(language, "page_file_kept", { name: file.name })}</label>`,
  )}
    <input type="file" id="${name}" name="${name}" ${field.multiple ? html`multiple` : ""}
    ${field.accept ? html`accept="${field.accept.join(",")}"` : ""} ${field.required && files.length === 0 ? html`required` : ""}
    ${fault ? html`aria-invalid="true"` : ""} ${describedBy(field, context)}>
    <p class="hint" id="${name}-size">${say(language, field.multiple ? "page_files_size" : "page_file_size", params)}</p>`
}

/** Rounded down: what is shown is taken. */
function shownSize(bytes: number): string {
  const units = ["B", "KB", "MB", "GB"] as const
  const power = Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1)
  return `${Math.floor((bytes / 1024 ** power) * 10) / 10} ${units[power]}`
}

function confirmHtml(field: Extract<Field, { type: "confirm" }>, { place, language, filled }: FieldContext): Html {
  const names = namesOf(place)
  const shown = shownValue(field)
  const decision = filled?.get(names.field)?.[0]
  const choice = (value: "yes" | "no") =>
    html`<label class="choice"><input type="radio" name="${names.field}" value="${value}"
      ${field.required ? html`required` : ""} ${decision === value ? html`checked` : ""}> ${say(language, `page_${value}`)}</label>`
  const editor = html`<label for="${names.value}">${say(language, "page_edit")}</label>
    <textarea rows="8" id="${names.value}" name="${names.value}">${"\n"}${filled?.get(names.value)?.[0] ?? shown ?? ""}</textarea>`
  return html`
    ${field.editable ? editor : shown === undefined ? "" : html`<pre>${shown}</pre>`}
    ${choice("yes")}${choice("no")}
    <label for="${names.comment}">${say(language, "page_comment")}</label>
    <input type="text" id="${names.comment}" name="${names.comment}" maxlength="4000" value="${filled?.get(names.comment)?.[0] ?? ""}">`
}
