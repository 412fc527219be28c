// What a workflow of the fake does, written as events of Bisheng's API v2. Shapes: complete, with the nulls that it sends.

export interface UpstreamEvent {
  readonly event: string
  readonly message_id: string | null
  readonly status: string
  readonly node_id: string | null
  readonly node_name?: string
  readonly node_execution_id: string | null
  readonly output_schema: object | null
  readonly input_schema: { input_type: string; value: (object | null)[] } | null
}

/** The answer, by key; these are those that most scripts look at. */
export interface Input {
  readonly user_input: unknown
  readonly output_result: unknown
  readonly dialog_files_content: unknown
  readonly name: unknown
  readonly [key: string]: unknown
}

/** What a script may do next. An event that asks gives the answer: `const input = yield dialog()`. */
export type Step =
  | UpstreamEvent
  /** Nothing comes, until it is stopped or the promise resolves. */
  | { readonly wait: Promise<unknown> }
  /** The connection of whoever reads breaks; the run goes on. */
  | { readonly broken: true }
  /** The stream ends, and nobody said why. */
  | { readonly vanish: true }
  /** A line as it is. */
  | { readonly raw: string }

export type Script = (run: { readonly restarts: number }) => Generator<Step, void, Input>

let messages = 385_140

const base = { message_id: null, status: "end", node_execution_id: null, output_schema: null, input_schema: null }
const output = (message: unknown, more: object = {}) => ({
  ...{ message, reasoning_content: null, output_key: null, files: null, source_url: null, extra: null },
  ...more,
})
const nextId = () => String(++messages)

export function guideWord(words: string): UpstreamEvent {
  return { ...base, event: "guide_word", node_id: "start_d5a7c", node_execution_id: "e0", output_schema: output(words) }
}

export function guideQuestion(questions: readonly string[], node_id = "start_d5a7c"): UpstreamEvent {
  return { ...base, event: "guide_question", node_id, node_execution_id: "e0", output_schema: output(questions) }
}

const item = (key: string, type: string, more: object) => ({
  ...{ key, type, value: "", label: null, multiple: false, required: true, options: null, file_type: null },
  ...more,
})

export function dialog(node_id = "input_2775b"): UpstreamEvent {
  const files = { value: [], label: "Files", multiple: true, required: false }
  const value = [
    item("user_input", "text", {}),
    item("dialog_files_content", "dialog_file", files),
    { key: "dialog_file_accept", type: "dialog_file_accept", value: "all" },
    null,
  ]
  const message_id = nextId()
  return {
    ...base,
    event: "input",
    message_id,
    node_id,
    node_name: "Input",
    input_schema: { input_type: "dialog_input", value },
  }
}

/** Keys of files are made anew each time. */
export const fileKey = () => `file_${crypto.randomUUID().slice(0, 8)}`

export function form(items: readonly object[], node_id = "input_form1"): UpstreamEvent {
  const input_schema = { input_type: "form_input", value: [...items] }
  return { ...base, event: "input", message_id: nextId(), node_id, node_name: "Form", input_schema }
}

export const textItem = (key: string, label: string, more: object = {}) => item(key, "text", { label, ...more })
export const selectItem = (key: string, label: string, texts: readonly string[], more: object = {}) =>
  item(key, "select", { label, options: texts.map((text, id) => ({ id: `id${id}`, text, type: "" })), ...more })
export const fileItem = (key: string, label: string, more: object = {}) =>
  item(key, "file", { label, file_type: "all", ...more })

export function outputMsg(message: string, files: readonly object[] = [], node_id = "output_1"): UpstreamEvent {
  const output_schema = output(message, { output_key: "", files })
  return {
    ...base,
    event: "output_msg",
    message_id: nextId(),
    node_id,
    node_execution_id: crypto.randomUUID(),
    output_schema,
  }
}

export function outputWithInput(message: string, value: string, node_id = "output_9"): UpstreamEvent {
  const input_schema = { input_type: "message_inline_input", value: [item("output_result", "text", { value })] }
  return { ...outputMsg(message, [], node_id), event: "output_with_input_msg", input_schema }
}

export function outputWithChoose(message: string, options: readonly object[], node_id = "output_7"): UpstreamEvent {
  const value = [item("output_result", "select", { options })]
  return {
    ...outputMsg(message, [], node_id),
    event: "output_with_choose_msg",
    input_schema: { input_type: "message_inline_option", value },
  }
}

export interface StreamOf {
  readonly node?: string
  readonly key?: string
  readonly run?: string
  readonly reasoning?: string
}

/** One piece. */
export function delta(
  message: string,
  { node = "llm_1", key = "output", run = "ec89", reasoning }: StreamOf = {},
): UpstreamEvent {
  const output_schema = output(message, { output_key: key, reasoning_content: reasoning ?? null })
  return {
    ...base,
    event: "stream_msg",
    status: "stream",
    node_id: node,
    node_name: "LLM",
    node_execution_id: run,
    output_schema,
  }
}

/** The end, with all of the text. */
export function streamEnd(
  message: string,
  { node = "llm_1", key = "output", run = "ec89", reasoning }: StreamOf = {},
): UpstreamEvent {
  return {
    ...delta(message, { node, key, run, ...(reasoning ? { reasoning } : {}) }),
    status: "end",
    message_id: nextId(),
  }
}

/** The end of the run: nothing when it went well, an object of the error, or in old versions its words. */
export function close(message?: unknown): UpstreamEvent {
  return { ...base, event: "close", node_id: null, output_schema: message === undefined ? null : output(message) }
}

export function failure(status_code: number, status_message: string, exception = ""): object {
  return { status_code, status_message, data: { exception } }
}
