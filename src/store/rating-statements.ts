// What people think of answers, as statements: on the message, and counted on its session. Counted from the change itself,
// in the commit that makes it, so that nobody's count is lost to somebody else's.

/** `appends` and `accepted` as in append-statements.ts. */
export function ratingStatements(appends: string, accepted: string) {
  const rated = `a.value -> '$.rate_message' is not null`
  return {
    /** Before the ratings and the deletions, while the messages are as they were. What is deleted is not counted. */
    count: `${appends},
c as materialized (select s.id as session_id, m.id as message_id,
    (coalesce(a.value ->> '$.rate_message.liked', m.liked) = 1) - (m.liked = 1) as likes,
    (coalesce(a.value ->> '$.rate_message.liked', m.liked) = 2) - (m.liked = 2) as dislikes,
    coalesce(a.value ->> '$.rate_message.copied', m.copied) - m.copied as copies
  ${accepted} join messages m on m.id = a.value ->> '$.rate_message.id' where ${rated}
  union
  select s.id, m.id, -(m.liked = 1), -(m.liked = 2), -m.copied
  ${accepted} join json_each(a.value, '$.delete_messages') d
  join messages m on m.id = d.value and +m.session_id = s.id and m.deleted_at is null),
j as materialized (select session_id, sum(likes) as likes, sum(dislikes) as dislikes, sum(copies) as copies from c group by session_id)
update sessions set likes = sessions.likes + j.likes, dislikes = sessions.dislikes + j.dislikes, copies = sessions.copies + j.copies
from j where sessions.id = j.session_id
returning id, sessions.likes, sessions.dislikes, sessions.copies`,

    /** The event says how many there are now. */
    tell: `${appends},
t as materialized (select s.id as session_id, s.last_seq as top,
    json_object('likes', s.likes, 'dislikes', s.dislikes, 'copies', s.copies) as counters
  ${accepted} where ${rated} or a.value -> '$.delete_messages' is not null)
update events set data = json_set(events.data, '$.counters', json(t.counters))
from t where events.session_id = t.session_id and events.seq > t.top and events.kind = 'status'`,

    /** What is left out stays as it is. */
    rate: `${appends}
update messages set liked = coalesce(j.value ->> '$.rate_message.liked', liked),
  copied = coalesce(j.value ->> '$.rate_message.copied', copied),
  comment = case when json_type(j.value, '$.rate_message.comment') is null then comment else j.value ->> '$.rate_message.comment' end
from (select a.value ${accepted}) j where messages.id = j.value ->> '$.rate_message.id'`,

    /**
     * A text that somebody gave a message while it waited, and what was written about it, are gone with the message (P4.3).
     * The id under which they were said stays (P3.3).
     */
    forget: `${appends},
d as materialized (select s.id as session_id, m.value as id ${accepted} join json_each(a.value, '$.delete_messages') m)
update events set data = json_remove(events.data, '$.edited_message', '$.feedback.comment')
from d where events.session_id = d.session_id and events.ref = d.id and events.kind = 'status'`,

    /** What a deleted message of the bot asked is told by no event any more (P4.3). */
    unask: `${appends},
q as materialized (select s.id as session_id, m.seq as seq, p.value ->> 'input_id' as input_id ${accepted}
  join json_each(a.value, '$.delete_messages') d join messages m on m.id = d.value and +m.session_id = s.id
  join json_each(m.parts) p where p.value ->> 'type' = 'question')
update events set data = json_set(events.data, '$.question', null)
from q where events.session_id = q.session_id and events.seq > q.seq and events.kind in ('end', 'status')
  and events.data ->> '$.question.input_id' = q.input_id`,
  }
}

/** Holds when the message is there still: nothing may be said about one that is gone. */
export const isRatable = `(a.value -> '$.rate_message' is null or exists (select 1 from messages m
  where m.id = a.value ->> '$.rate_message.id' and +m.session_id = s.id and m.deleted_at is null))`
