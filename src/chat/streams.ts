// Answers that are being given: what was streamed of them so far, for those who come late.
import type { Progress, ServerFrame } from "../protocol/server-frame.ts"

interface Stream {
  readonly turn_id: string
  readonly trace_id: string
  text: string
  reasoning: string
  /** The last word on each tool call and step. */
  readonly parts: Map<string, Progress>
}

/** So many answers are remembered as ended: a bus may bring a piece after the end. */
const remembered = 64

export class Streams {
  readonly #streams = new Map<string, Stream>()
  /** Messages and turns. */
  readonly #ended = new Set<string>()

  /** False: it comes too late, after the end of its answer. */
  add(progress: Progress, trace_id: string): boolean {
    const { message_id, turn_id } = progress
    if (this.#ended.has(message_id) || this.#ended.has(turn_id)) return false
    const stream = this.#streams.get(message_id) ?? { turn_id, trace_id, text: "", reasoning: "", parts: new Map() }
    this.#streams.set(message_id, stream)
    switch (progress.kind) {
      case "text":
      case "reasoning":
        stream[progress.kind] = merge(stream[progress.kind], progress.offset, progress.text)
        return true
      case "tool":
        stream.parts.set(`tool ${progress.tool.tool_call_id}`, progress)
        return true
      case "step":
        stream.parts.set(`step ${progress.step.step_id}`, progress)
        return true
    }
  }

  end(message_id: string): void {
    this.#streams.delete(message_id)
    this.#remember(message_id)
  }

  endTurn(turn_id: string): void {
    for (const [message_id, stream] of this.#streams) {
      if (stream.turn_id === turn_id) this.#streams.delete(message_id)
    }
    this.#remember(turn_id)
  }

  #remember(ended: string): void {
    this.#ended.add(ended)
    const [oldest] = this.#ended
    if (oldest !== undefined && this.#ended.size > remembered) this.#ended.delete(oldest)
  }

  /** Frames that bring a client to the present: its text from what it has on, the rest from 0 (P5.6). */
  catchUp(chat_id: string, offsets: Readonly<Record<string, number>> = {}): ServerFrame[] {
    const frames: ServerFrame[] = []
    for (const [message_id, { turn_id, trace_id, text, reasoning, parts }] of this.#streams) {
      const about = { turn_id, message_id }
      const frame = (data: Progress): ServerFrame => ({ type: "progress", data, trace_id, chat_id })
      if (reasoning) frames.push(frame({ kind: "reasoning", ...about, offset: 0, text: reasoning }))
      for (const part of parts.values()) frames.push(frame(part))
      const offset = Math.min(offsets[message_id] ?? 0, text.length)
      if (text.length > offset) frames.push(frame({ kind: "text", ...about, offset, text: text.slice(offset) }))
    }
    return frames
  }
}

/** Appends a delta by its offset: an overlap is dropped, and what would leave a hole waits for `result` (P6.1). */
function merge(text: string, offset: number, delta: string): string {
  if (offset > text.length) return text
  return offset + delta.length <= text.length ? text : text + delta.slice(text.length - offset)
}
