// What appends do to the messages of their chats.
import type { Append, NewMessage } from "./append.ts"
import { accepted, type Group, none, step } from "./step.ts"

interface Item {
  readonly message: NewMessage
  readonly follows: NewMessage["follows"] | undefined
  readonly reply_to: string | null
  /** Of its event, among those of its group. */
  readonly place: number
}

function itemsOf(append: Append, group: Group): Item[] {
  const at = group.indexOf(append)
  // Behind others of its group it follows the question before it, whose turn is open: its answer is still to come.
  const before = group[at - 1]?.new_turn?.answer_id
  const items: Item[] = []
  for (const message of append.messages) {
    const event = append.events.findIndex(
      ({ kind, ref }) => ref === message.id && (kind === "message" || kind === "result"),
    )
    const { follows, reply_to } = message
    if (event === -1) continue
    if (before === undefined) items.push({ message, follows, reply_to, place: event })
    else items.push({ message, follows: undefined, reply_to: before, place: at + event })
  }
  return items
}

// The answer that the conversation has come to, given or still to come: of the turn that is open for the question in `head`
// (it may be asked once more), else of its own.
const headAnswer = `coalesce(
  (select t.answer_id from turns t where t.session_id = s.id and t.state in ('queued', 'running') and +t.message_id = s.head
    order by t.seq desc limit 1),
  (select iif(h.is_bot, h.id, t.answer_id) from messages h left join turns t on t.id = h.turn_id where h.id = s.head))`

/** Gives back which answer each follows. What most messages have in common is null here, and costs nothing. */
export const insertMessages = step<Item>({
  items: itemsOf,
  columns: {
    id: ({ message }) => message.id,
    session_id: ({ message }) => message.session_id,
    user_id: ({ message }) => message.user_id,
    is_bot: ({ message }) => message.is_bot || null,
    kind: ({ message }) => message.kind,
    state: ({ message }) => message.state,
    message: ({ message }) => message.message,
    parts: ({ message: { parts } }) => (parts.length > 0 ? parts : null),
    extra: ({ message }) => message.extra,
    source: ({ message }) => message.source || null,
    turn_id: ({ message }) => message.turn_id,
    client_id: ({ message }) => message.client_id,
    reply_to: ({ reply_to }) => reply_to,
    follows: ({ follows }) => follows,
    liked: ({ message }) => message.liked || null,
    usage: ({ message }) => message.usage,
    create_time: ({ message }) => message.create_time,
    deleted_at: ({ message }) => message.deleted_at,
    place: ({ place }) => place || null,
  },
  sql: `insert into messages (id, session_id, chat_id, flow_id, chat_type, user_id, is_bot, kind, state, message, parts, extra,
  source, turn_id, client_id, reply_to, liked, usage, create_time, deleted_at, seq)
select a.id, s.id, s.chat_id, s.flow_id, s.chat_type, a.user_id, coalesce(a.is_bot, false), a.kind, a.state, a.message,
  coalesce(a.parts, '[]'), a.extra, coalesce(a.source, 0), a.turn_id, a.client_id,
  case when a.follows is null then a.reply_to
    when a.follows = 'head' then iif(s.head is null, null, ${headAnswer})
    else (select t.answer_id from inputs i join turns t on t.id = i.turn_id where i.id = a.follows) end,
  coalesce(a.liked, 0), a.usage, a.create_time, a.deleted_at, v.seq
from a
join sessions s on s.id = a.session_id
join events v on v.session_id = s.id and v.seq = s.last_seq + 1 + coalesce(a.place, 0)
returning id, reply_to`,
})

export const editMessages = step<{ append: Append; message: NonNullable<Append["edit_message"]> }>({
  items: (append) => (append.edit_message ? [{ append, message: append.edit_message }] : none),
  columns: {
    session_id: ({ append }) => append.session_id,
    id: ({ message }) => message.id,
    message: ({ message }) => message.message,
    parts: ({ message }) => message.parts,
  },
  sql: `update messages set message = j.message, parts = j.parts
from (select a.* ${accepted}) j where messages.id = j.id`,
})

export const deleteMessages = step<Append>({
  items: (append) => (append.delete_messages ? [append] : none),
  columns: {
    session_id: ({ session_id }) => session_id,
    create_time: ({ create_time }) => create_time,
    ids: ({ delete_messages }) => delete_messages,
  },
  sql: `update messages set deleted_at = d.at
from (select s.id as session_id, m.value as id, a.create_time as at ${accepted} join json_each(a.ids) m) d
where messages.id = d.id and +messages.session_id = d.session_id and messages.deleted_at is null`,
})
