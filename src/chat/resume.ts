// Joining a chat and coming back to it: what was missed, then what is being said, then live; without a seam (section 5).
import { encode } from "../protocol/codec.ts"
import type { Joined } from "../protocol/server-frame.ts"
import type { Database } from "../store/database.ts"
import { eventsSince, snapshotOf } from "../store/events.ts"
import type { Follower } from "./follower.ts"
import { frameOf } from "./frames.ts"
import type { LiveChat } from "./live-chat.ts"
import type { Presence } from "./presence.ts"
import type { Sent } from "./ring.ts"

export interface ResumeRequest {
  readonly cursor?: number | undefined
  readonly epoch?: string | undefined
  readonly offsets?: Readonly<Record<string, number>> | undefined
  readonly trace_id: string
}

export interface ResumeDeps {
  readonly db: Database
  readonly instance: string
  readonly presence: Presence
  readonly max_replay_events: number
  readonly max_history_messages: number
}

/** Events that are looked up at once. */
const pageSize = 100

/** Brings a follower to the present and leaves it live. */
export async function resume(
  deps: ResumeDeps,
  chat: LiveChat,
  follower: Follower,
  request: ResumeRequest,
): Promise<void> {
  const { id: session_id, chat_id } = chat.session
  const envelope = { trace_id: request.trace_id, chat_id }
  // Nothing live may come between the replayed events of a client that joined before (P5.7).
  follower.unfollow(session_id)

  // The client may have been told by another instance what has not come here yet.
  if (request.cursor !== undefined && request.cursor > chat.top) await chat.fill()
  const recovered = isUsable(chat, request, deps.max_replay_events)
  const snapshot = recovered ? undefined : await snapshotOf(deps.db, session_id, deps.max_history_messages, chat.top)
  // The store may be ahead of the bus: what is in the snapshot may not come again as an event.
  if (snapshot && snapshot.last_seq > chat.top) await chat.fill()
  let cursor = snapshot ? snapshot.last_seq : (request.cursor ?? 0)
  const joined: Joined = {
    session: chat.session,
    recovered,
    from: cursor,
    // What happened since the snapshot was read follows as events.
    top: snapshot ? cursor : chat.top,
    epoch: chat.session.epoch,
    instance: deps.instance,
    ...(snapshot ? { snapshot: snapshot.messages } : {}),
    turns: [...chat.turns],
    question: chat.question,
    here: deps.presence.of(chat),
  }
  follower.send(encode({ type: "start", data: joined, ...envelope }))
  // A snapshot alone can be more than a socket takes at once (P7.5), and so can a page of long messages.
  await follower.writable()

  while (follower.open && cursor < chat.top) {
    const page = chat.talk.ring.since(cursor, pageSize) ?? (await stored(deps.db, chat, cursor))
    follower.together(() => {
      for (const { seq, text } of page) {
        follower.send(text)
        cursor = seq
        // The rest is looked up again after the wait: it may have been deleted meanwhile (P4.3).
        if (follower.full) break
      }
    })
    await follower.writable()
  }
  // From here to `follow` nothing waits, so nothing can come in between. Whoever was sent away meanwhile stays away.
  if (!chat.followers.includes(follower)) return
  for (const frame of chat.catchUp(request.offsets)) follower.send(encode(frame))
  follower.send(encode({ type: "start", data: { replayed: cursor }, ...envelope }))
  follower.follow(session_id)
}

function isUsable(chat: LiveChat, { cursor, epoch }: ResumeRequest, limit: number): boolean {
  if (cursor === undefined || cursor > chat.top) return false
  if (epoch !== undefined && epoch !== chat.session.epoch) return false
  return chat.top - cursor <= limit
}

async function stored(db: Database, chat: LiveChat, cursor: number): Promise<Sent[]> {
  const page = await eventsSince(db, chat.session.id, cursor, pageSize, chat.top)
  const first = page[0]
  if (first?.event.seq !== cursor + 1) throw new Error(`the log of ${chat.session.id} has a hole after ${cursor}`)
  // What other instances stored beyond our own top comes live, when it has come here.
  const known = page.filter(({ event }) => event.seq <= chat.top)
  return known.map((logged) => ({ seq: logged.event.seq, text: encode(frameOf(chat.session.chat_id, logged)) }))
}
