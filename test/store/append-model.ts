// What appends to one chat add up to, in memory and without SQL: the model that the store is held against.
import type { Counters, SessionState } from "../../src/protocol/session.ts"
import type { Append, NewMessage } from "../../src/store/append.ts"
import type { Appended } from "../../src/store/appended.ts"

export interface ModelTurn {
  readonly id: string
  readonly answer_id: string
  readonly message_id: string
  readonly seq: number
  state: string
  generation: number
  instance: string | null
  stop_requested: boolean
}

export interface ModelMessage {
  readonly id: string
  readonly seq: number
  readonly once: string
  /** Of a question, and of an answer: the turn that it belongs to. */
  readonly turn_id: string | null
  readonly is_bot: boolean
  readonly reply_to: string | null
  deleted: boolean
  liked: number
  comment: string | null
  copied: boolean
}

/** `refused`: a guard did not hold. `broken`: an id was used before. */
export type Expected = Appended | "refused" | "broken"

export class ModelChat {
  last_seq = 0
  state: SessionState = "initialized"
  lifecycle = "created"
  topic: string | null = null
  head: string | null = null
  deleted = false
  readonly events: { seq: number; kind: string; ref: string | null }[] = []
  readonly messages: ModelMessage[] = []
  readonly turns: ModelTurn[] = []
  readonly inputs: { id: string; turn_id: string; answered_by: string | null; open: boolean }[] = []

  get running(): ModelTurn | undefined {
    return this.turns.find(({ state }) => state === "running")
  }

  get open(): ModelTurn[] {
    return this.turns.filter(({ state }) => state === "running" || state === "queued")
  }

  apply(append: Append): Expected {
    if (!this.#holds(append)) return "refused"
    if (append.messages.some(({ id }) => this.messages.some((known) => known.id === id))) return "broken"
    const seqs = append.events.map((_, place) => this.last_seq + 1 + place)
    const { new_turn, end_turn, claim, stop_turn, new_input, answer_input, delete_messages = [] } = append
    append.events.forEach(({ kind, ref }, place) => {
      const seq = this.last_seq + 1 + place
      this.events.push({ seq, kind, ref })
      const message = append.messages.find(({ id }) => id === ref)
      if (message && (kind === "message" || kind === "result")) {
        const { id, user_id, client_id, turn_id, is_bot } = message
        const reply_to = this.#followed(message)
        this.messages.push({ id, seq, once: onceOf(user_id, client_id), turn_id, is_bot, reply_to, ...fresh })
      }
    })
    const ending = this.turns.find(({ id }) => id === end_turn?.id)
    if (ending && end_turn) ending.state = end_turn.state
    const stopped = this.turns.find(({ id }) => id === stop_turn)
    if (stopped) stopped.stop_requested = true
    const made = new_turn && this.#begin(new_turn, this.last_seq + 1)
    const next = claim && this.open[0]
    const claimed = claim && next?.state === "queued" ? this.#claim(next, claim.instance) : undefined
    if (new_input || append.session?.state === "ended") for (const input of this.inputs) input.open = false
    if (new_input) this.inputs.push({ id: new_input.id, turn_id: new_input.turn_id, answered_by: null, open: true })
    const answered = this.inputs.find(({ id }) => id === answer_input?.id)
    if (answered && answer_input) Object.assign(answered, { answered_by: answer_input.message_id, open: false })
    const rated = this.messages.find(({ id }) => id === append.rate_message?.id)
    const { liked, comment, copied } = append.rate_message ?? {}
    if (rated && liked !== undefined) rated.liked = liked
    if (rated && comment !== undefined) rated.comment = comment
    if (rated && copied) rated.copied = true
    for (const message of this.messages) if (delete_messages.includes(message.id)) message.deleted = true
    this.last_seq += append.events.length
    this.#change(append.session ?? {})
    const follower = append.messages.find(({ follows }) => follows !== undefined)
    return {
      seqs,
      ...(made ? { turn_state: made.state === "running" ? ("running" as const) : ("queued" as const) } : {}),
      ...(follower ? { reply_to: this.messages.find(({ id }) => id === follower.id)?.reply_to ?? null } : {}),
      ...(claimed ? { claimed: claimed.id } : {}),
      ...(append.rate_message || append.delete_messages ? { counters: this.counters } : {}),
    }
  }

  /** Counted from the messages, which is what the store's sums must come to. */
  get counters(): Counters {
    const of = (holds: (message: ModelMessage) => boolean) =>
      this.messages.filter((message) => !message.deleted && holds(message)).length
    return {
      likes: of(({ liked }) => liked === 1),
      dislikes: of(({ liked }) => liked === 2),
      copies: of(({ copied }) => copied),
    }
  }

  #holds({ guard, end_turn, delete_messages, rate_message }: Append): boolean {
    const { once, open, fence, stoppable, queued, question, answer, max_open_turns } = guard
    if (answer && !this.messages.some(({ id, is_bot, turn_id }) => id === answer && is_bot && turn_id)) return false
    if (this.deleted && (!fence || end_turn?.id !== fence.turn_id)) return false
    if (open && this.state === "ended") return false
    if (once && this.messages.some((message) => message.once === onceOf(once.user_id, once.client_id))) return false
    if (fence && (this.running?.id !== fence.turn_id || this.running.generation !== fence.generation)) return false
    if (stoppable && !this.open.some(({ id, stop_requested }) => id === stoppable && !stop_requested)) return false
    if (queued && !this.turns.some(({ id, state }) => id === queued && state === "queued")) return false
    if (question && !this.inputs.some(({ id, open }) => id === question && open)) return false
    if (delete_messages && !this.messages.some(({ id, deleted }) => delete_messages.includes(id) && !deleted))
      return false
    if (rate_message && !this.messages.some(({ id, deleted }) => id === rate_message.id && !deleted)) return false
    return max_open_turns === undefined || this.open.length <= max_open_turns
  }

  /** The answer that a message goes on from. */
  #followed({ follows, reply_to }: NewMessage): string | null {
    if (follows === undefined) return reply_to
    if (follows !== "head") return this.turns.find(({ id }) => id === this.#asker(follows))?.answer_id ?? null
    const head = this.messages.find(({ id }) => id === this.head)
    if (!head || head.is_bot) return head?.id ?? null
    const open = this.open.findLast(({ message_id }) => message_id === head.id)
    return (open ?? this.turns.find(({ id }) => id === head.turn_id))?.answer_id ?? null
  }

  #asker(input_id: string): string | undefined {
    return this.inputs.find(({ id }) => id === input_id)?.turn_id
  }

  #begin({ id, answer_id, message_id, instance }: NonNullable<Append["new_turn"]>, seq: number): ModelTurn {
    const idle = this.open.length === 0
    const turn: ModelTurn = {
      ...{ id, answer_id, message_id, seq, state: idle ? "running" : "queued", generation: idle ? 1 : 0 },
      ...{ instance: idle ? instance : null, stop_requested: false },
    }
    this.turns.push(turn)
    return turn
  }

  #claim(turn: ModelTurn, instance: string): ModelTurn {
    turn.state = "running"
    turn.generation += 1
    turn.instance = instance
    return turn
  }

  #change({ state, lifecycle, topic, deleted_at, head, head_from }: NonNullable<Append["session"]>): void {
    if (this.state === "ended" || state === "ended") this.state = "ended"
    else if (this.running) this.state = "running"
    else if ((state === "completed" || state === "interrupted") && this.inputs.some(({ open }) => open))
      this.state = "waiting_input"
    else this.state = state ?? this.state
    if (this.lifecycle !== "ended" && lifecycle) this.lifecycle = lifecycle
    if (topic !== undefined) this.topic = topic
    const again = this.open.some(({ message_id }) => message_id === head_from)
    if (head !== undefined && (head_from === undefined || (head_from === this.head && !again))) this.head = head
    if (deleted_at) this.deleted = true
  }
}

const fresh = { deleted: false, liked: 0, comment: null, copied: false }

function onceOf(user_id: number, client_id: string | null): string {
  return client_id === null ? "" : `${user_id} ${client_id}`
}
