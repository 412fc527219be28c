// Answers that are being given: what was streamed of them so far, for those who come late.
import type { Progress, ServerFrame } from "../protocol/server-frame.ts"
import type { TurnRow } from "../store/schema.ts"
import { shownPart } from "./shown-part.ts"

interface Stream {
  readonly turn_id: string
  /** Of the run that is heard; what an earlier one said is taken back (P6.9). */
  readonly generation: number
  readonly trace_id: string
  text: string
  reasoning: string
  /** The last word on each tool call and step. */
  readonly parts: Map<string, Progress>
  /** Pieces that came before the ones in front of them. */
  ahead: TextProgress[]
}

type TextProgress = Extract<Progress, { kind: "text" | "reasoning" }>

/** A turn as the store has it, with the checkpoint of what it streamed. */
type Checkpointed = Pick<
  TurnRow,
  "id" | "answer_id" | "trace_id" | "partial_text" | "partial_reasoning" | "partial_generation" | "resume_from"
>

/** So many answers are remembered as ended: a bus may bring a piece after the end. */
const remembered = 64

export class Streams {
  readonly #streams = new Map<string, Stream>()
  /** Messages and turns. */
  readonly #ended = new Set<string>()

  /**
   * Gives back what clients can append now: nothing of what comes too late or is known, nothing that lies beyond a hole,
   * and, when a hole is closed, all that had waited for that.
   */
  add(progress: Progress, trace_id: string): Progress[] {
    const { message_id, turn_id, generation = 1 } = progress
    const known = this.#streams.get(message_id)
    // What has ended is forgotten.
    if (!known && (this.#ended.has(message_id) || this.#ended.has(turn_id))) return []
    if (known && known.generation > generation) return []
    const isNew = !known || known.generation < generation
    const stream = isNew ? newStream(turn_id, trace_id, generation) : known
    if (isNew) this.#streams.set(message_id, stream)
    switch (progress.kind) {
      case "text":
      case "reasoning":
        // That there is nothing yet is news, when there was something before.
        if (known && isNew && progress.offset === 0 && progress.text === "") return [progress]
        return append(stream, progress)
      case "tool":
        stream.parts.set(`tool ${progress.tool.tool_call_id}`, progress)
        return [progress]
      case "step":
        stream.parts.set(`step ${progress.step.step_id}`, progress)
        return [progress]
      case "part":
        stream.parts.set(`part ${progress.part_id}`, progress)
        return [progress]
    }
  }

  /** What the store has of a turn's answer; gives back what is new of it, as `add`. */
  addKept({ id: turn_id, answer_id: message_id, trace_id, ...kept }: Checkpointed): Progress[] {
    const about = { turn_id, message_id, ...generationOf(kept.partial_generation) }
    const add = (progress: Progress) => this.add(progress, trace_id)
    const said = (kind: "text" | "reasoning", text: string) => (text ? add({ kind, ...about, offset: 0, text }) : [])
    return [
      ...said("reasoning", kept.partial_reasoning),
      // As they were at the bot's last checkpoint: what was heard here is newer.
      ...(kept.resume_from?.parts ?? []).flatMap((part) => {
        const shown = shownPart(part)
        const stream = this.#streams.get(message_id)
        const heard = stream?.generation === kept.partial_generation && shown && stream.parts.has(shown.key)
        return !shown || heard ? [] : add({ ...shown.told, ...about })
      }),
      ...said("text", kept.partial_text),
    ]
  }

  /** Is a piece of this answer missing? */
  isBroken(message_id: string): boolean {
    return (this.#streams.get(message_id)?.ahead.length ?? 0) > 0
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

  /**
   * Frames that bring a client to the present: its text from what it has on, the rest from 0 (P5.6). After a first run the
   * text goes from 0 as well: what the client has may be of an earlier one.
   */
  catchUp(chat_id: string, offsets: Readonly<Record<string, number>> = {}): ServerFrame[] {
    const frames: ServerFrame[] = []
    for (const [message_id, { turn_id, generation, trace_id, text, reasoning, parts }] of this.#streams) {
      const about = { turn_id, message_id, ...generationOf(generation) }
      const frame = (data: Progress): ServerFrame => ({ type: "progress", data, trace_id, chat_id })
      if (reasoning) frames.push(frame({ kind: "reasoning", ...about, offset: 0, text: reasoning }))
      for (const part of parts.values()) frames.push(frame(part))
      const offset = generation > 1 ? 0 : Math.min(offsets[message_id] ?? 0, text.length)
      if (text.length > offset || generation > 1)
        frames.push(frame({ kind: "text", ...about, offset, text: text.slice(offset) }))
    }
    return frames
  }
}

function newStream(turn_id: string, trace_id: string, generation: number): Stream {
  return { turn_id, trace_id, generation, text: "", reasoning: "", parts: new Map(), ahead: [] }
}

/** The label of what a run says; the first has none (P6.9). */
export function generationOf(generation: number): { generation?: number } {
  return generation > 1 ? { generation } : {}
}

/** Appends a delta by its offset: an overlap is dropped, and what would leave a hole waits (P6.1). */
function append(stream: Stream, delta: TextProgress): Progress[] {
  const known = stream[delta.kind]
  if (delta.offset > known.length) {
    stream.ahead.push(delta)
    return []
  }
  if (delta.rewrite) {
    stream[delta.kind] = known.slice(0, delta.offset) + delta.text
    return [delta]
  }
  const fresh = delta.text.slice(known.length - delta.offset)
  if (fresh === "") return []
  stream[delta.kind] += fresh
  if (stream.ahead.length === 0) return [delta]
  const waiting = stream.ahead
  stream.ahead = []
  return [delta, ...waiting.flatMap((one) => append(stream, one))]
}
