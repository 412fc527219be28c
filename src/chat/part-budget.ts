// How much a bot may show in one message besides text.
import type { Part } from "../protocol/message.ts"
import { flooded } from "./contained.ts"

export class PartBudget {
  readonly #max: { readonly max_answer_parts: number; readonly max_parts_length: number }
  readonly #lengths = new Map<string, number>()
  #length = 0

  constructor(max: { readonly max_answer_parts: number; readonly max_parts_length: number }) {
    this.#max = max
  }

  /** Throws `handler_flooded`. The last part of a key holds. */
  take(key: string, part: Part): void {
    const length = JSON.stringify(part).length
    const { max_answer_parts, max_parts_length } = this.#max
    if (!this.#lengths.has(key) && this.#lengths.size >= max_answer_parts)
      flooded(`more than ${max_answer_parts} parts`)
    this.#length += length - (this.#lengths.get(key) ?? 0)
    if (this.#length > max_parts_length) flooded(`parts of more than ${max_parts_length} characters`)
    this.#lengths.set(key, length)
  }
}
