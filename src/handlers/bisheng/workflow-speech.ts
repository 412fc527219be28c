// What a workflow says, as events of ours.
import type { HandlerEvent } from "../handler.ts"
import { createJoiner, fit } from "../well-formed.ts"
import { Composer } from "./composer.ts"
import { fileAt } from "./files-of.ts"
import type { WorkflowEvent } from "./workflow-event.ts"

export class WorkflowSpeech {
  readonly #base_url: string
  /** A chat that goes on needs no words to begin with. */
  readonly #guides: boolean
  readonly #composer = new Composer()
  readonly #thinking = createJoiner()
  readonly #thought = new Set<string>()
  #words: string | undefined
  #questions: string[] = []

  constructor(base_url: string, guides: boolean) {
    this.#base_url = base_url
    this.#guides = guides
  }

  /** The workflow's words to begin with. */
  get guide(): string | undefined {
    return this.#guides ? this.#words : undefined
  }

  *hear(event: WorkflowEvent): Generator<HandlerEvent> {
    const { message, files } = event.output_schema ?? {}
    switch (event.event) {
      case "guide_word":
      case "guide_question":
        yield* this.#guide(message)
        return
      case "stream_msg":
        yield* this.#stream(event)
        return
      case "output_msg":
      case "output_with_input_msg":
      case "output_with_choose_msg":
        yield* stepOf(event, "completed")
        yield* this.#composer.whole(wordsOf(message))
        for (const file of files ?? []) {
          const part = fileAt(file?.path ?? file?.file_url ?? file?.url, file?.name ?? file?.file_name, this.#base_url)
          if (part) yield { type: "file", file: part }
        }
    }
  }

  /** Words of ours between those of the workflow. */
  remark(text: string): HandlerEvent[] {
    return this.#composer.whole(text)
  }

  /** The last of it, however it ended. */
  *end(): Generator<HandlerEvent> {
    const thought = this.#thinking.end()
    if (thought) yield { type: "reasoning", text: thought }
    yield* this.#composer.flush()
  }

  *#guide(message: unknown): Generator<HandlerEvent> {
    const questions = (Array.isArray(message) ? message : [])
      .filter((question) => typeof question === "string")
      .map((question) => fit(question.trim(), 500))
      .filter((question) => question !== "")
      .slice(0, 20)
    // After an answer they are what one may ask next.
    if (this.#composer.begun) {
      if (questions.length > 0) yield { type: "suggestions", questions }
      return
    }
    if (typeof message === "string") this.#words = fit(message, 4000)
    else this.#questions = questions
    if (!this.#guides || !(this.#words || this.#questions.length > 0)) return
    yield { type: "guide", guide: { ...(this.#words ? { words: this.#words } : {}), questions: this.#questions } }
  }

  *#stream(event: WorkflowEvent): Generator<HandlerEvent> {
    const { message, reasoning_content, output_key } = event.output_schema ?? {}
    const key = JSON.stringify([event.node_execution_id ?? event.node_id, output_key])
    const ended = event.status === "end"
    yield* stepOf(event, ended ? "completed" : "running")
    // The end may repeat all of the thinking.
    if (reasoning_content && !(ended && this.#thought.has(key))) {
      this.#thought.add(key)
      const text = this.#thinking.push(reasoning_content)
      if (text) yield { type: "reasoning", text }
    }
    if (ended) yield* this.#composer.end(key, wordsOf(message))
    else yield* this.#composer.delta(key, wordsOf(message))
  }
}

/** Newer versions name the node that speaks. */
function* stepOf(event: WorkflowEvent, state: "running" | "completed"): Generator<HandlerEvent> {
  const id = fit(event.node_execution_id ?? event.node_id ?? "", 128)
  const name = fit(event.node_name ?? "", 256)
  if (id && name) yield { type: "step", step: { step_id: id, name, state } }
}

function wordsOf(message: unknown): string {
  if (typeof message === "string") return message
  return message === null || message === undefined ? "" : JSON.stringify(message)
}
