// What people think of answers: on the message, and counted on its session. Counted from the change itself, in the commit that
// makes it, so that nobody's count is lost to somebody else's.
import type { Append } from "./append.ts"
import { accepted, type Columns, none, step } from "./step.ts"

function ratedIn(append: Append): readonly Append[] {
  return append.rate_message ? [append] : none
}

function deletedIn(append: Append): readonly Append[] {
  return append.delete_messages ? [append] : none
}

function eitherIn(append: Append): readonly Append[] {
  return append.rate_message || append.delete_messages ? [append] : none
}

const deleted: Columns<Append> = {
  session_id: ({ session_id }) => session_id,
  deleted: ({ delete_messages }) => delete_messages,
}

const rated: Columns<Append> = {
  session_id: ({ session_id }) => session_id,
  id: ({ rate_message }) => rate_message?.id,
  liked: ({ rate_message }) => rate_message?.liked,
  copied: ({ rate_message }) => rate_message?.copied,
}

/** Before the ratings and the deletions, while the messages are as they were. What is deleted is not counted. */
export const countRatings = step<Append>({
  items: eitherIn,
  columns: { ...rated, ...deleted },
  sql: `, c as materialized (select s.id as session_id, m.id as message_id,
    (coalesce(a.liked, m.liked) = 1) - (m.liked = 1) as likes,
    (coalesce(a.liked, m.liked) = 2) - (m.liked = 2) as dislikes,
    coalesce(a.copied, m.copied) - m.copied as copies
  ${accepted} join messages m on m.id = a.id
  union
  select s.id, m.id, -(m.liked = 1), -(m.liked = 2), -m.copied
  ${accepted} join json_each(a.deleted) d
  join messages m on m.id = d.value and +m.session_id = s.id and m.deleted_at is null),
n as materialized (select session_id, sum(likes) as likes, sum(dislikes) as dislikes, sum(copies) as copies from c group by session_id)
update sessions set likes = sessions.likes + n.likes, dislikes = sessions.dislikes + n.dislikes, copies = sessions.copies + n.copies
from n where sessions.id = n.session_id
returning id, sessions.likes, sessions.dislikes, sessions.copies`,
})

/** The event says how many there are now. */
export const tellRatings = step<Append>({
  items: eitherIn,
  columns: { session_id: ({ session_id }) => session_id },
  sql: `, t as materialized (select s.id as session_id, s.last_seq as top,
    json_object('likes', s.likes, 'dislikes', s.dislikes, 'copies', s.copies) as counters ${accepted})
update events set data = json_set(events.data, '$.counters', json(t.counters))
from t where events.session_id = t.session_id and events.seq > t.top and events.kind = 'status'`,
})

/** What is left out stays as it is. */
export const rateMessages = step<Append>({
  items: ratedIn,
  columns: {
    ...rated,
    // In a list, so that none and not said are two things.
    comment: ({ rate_message }) => (rate_message?.comment === undefined ? undefined : [rate_message.comment]),
  },
  sql: `update messages set liked = coalesce(j.liked, messages.liked), copied = coalesce(j.copied, messages.copied),
  comment = case when j.comment is null then messages.comment else j.comment ->> 0 end
from (select a.* ${accepted}) j where messages.id = j.id`,
})

/**
 * A text that somebody gave a message while it waited, and what was written about it, are gone with the message (P4.3).
 * The id under which they were said stays (P3.3).
 */
export const forgetEdits = step<Append>({
  items: deletedIn,
  columns: deleted,
  sql: `, d as materialized (select s.id as session_id, m.value as id ${accepted} join json_each(a.deleted) m)
update events set data = json_remove(events.data, '$.edited_message', '$.feedback.comment')
from d where events.session_id = d.session_id and events.ref = d.id and events.kind = 'status'`,
})

/** What a deleted message of the bot asked is told by no event any more (P4.3). */
export const unaskQuestions = step<Append>({
  items: deletedIn,
  columns: deleted,
  sql: `, q as materialized (select s.id as session_id, m.seq as seq, p.value ->> 'input_id' as input_id ${accepted}
  join json_each(a.deleted) d join messages m on m.id = d.value and +m.session_id = s.id
  join json_each(m.parts) p where p.value ->> 'type' = 'question')
update events set data = json_set(events.data, '$.question', null)
from q where events.session_id = q.session_id and events.seq > q.seq and events.kind in ('end', 'status')
  and events.data ->> '$.question.input_id' = q.input_id`,
})
