// The end of a run: waits until all is quiet, then reads what is there, from the store and with fresh clients.
import { createClient } from "@libsql/client"
import { connectChat } from "../../src/client/chat.ts"
import { ClientError } from "../../src/client/error.ts"
import type { DurableEvent } from "../../src/client/frame.ts"
import type { Member } from "../support/cluster.ts"
import { type Everything, everything } from "../support/database.ts"
import type { Device } from "./device.ts"
import type { FinalChat, Recorder } from "./history.ts"
import { pause } from "./people.ts"

type Rows = Everything

/** Every row, past the service: the address of a server, or of a file that a service has open. */
async function rowsOf(store: string): Promise<Rows> {
  const client = createClient({ url: store })
  try {
    return await everything({ client })
  } finally {
    client.close()
  }
}

/** Resolves when nothing goes on any more: empty. After `within_ms` with what still does. */
export async function quiet(store: string, devices: readonly Device[], within_ms: number): Promise<string[]> {
  const until = performance.now() + within_ms
  for (;;) {
    const rows = await rowsOf(store)
    const unrest = [...openTurns(rows), ...devices.flatMap((device) => restless(rows, device))]
    if (unrest.length === 0 || performance.now() > until) return unrest
    await pause(250)
  }
}

function openTurns({ turns = [] }: Rows): string[] {
  const open = turns.filter(({ state }) => state === "queued" || state === "running")
  return open.map((turn) => `turn ${turn.id} is ${turn.state}, of ${turn.instance}, generation ${turn.generation}`)
}

function restless({ sessions = [] }: Rows, { page, chat, chat_id }: Device): string[] {
  const top = Number(sessions.find((session) => session.chat_id === chat_id)?.last_seq ?? 0)
  if (chat.connection.state !== "connected") return [`${page} is ${chat.connection.state}`]
  if (chat.unacked.length > 0) return [`${page} waits for ${chat.unacked.length} acks`]
  return chat.cursor === top ? [] : [`${page} is at ${chat.cursor} of ${top}`]
}

/** What is there in the end. Fresh clients read it on every instance; what they see goes into the history as well. */
export async function readAll(store: string, readers: Readers): Promise<FinalChat[]> {
  const { members, devices } = readers
  const rows = await rowsOf(store)
  const chats = [...new Set(devices.map(({ chat_id }) => chat_id))]
  return Promise.all(
    chats.map(async (chat_id) => {
      const session = rows.sessions?.find((row) => row.chat_id === chat_id)
      const top = Number(session?.last_seq ?? 0)
      const flow_id = String(session?.flow_id ?? "chaos")
      const read = await Promise.all(members.map((member) => readLog(member, { chat_id, flow_id, top }, readers)))
      const places = await Promise.all(devices.filter((device) => device.chat_id === chat_id).map(placeOf))
      return {
        chat: chat_id,
        log: read[0]?.log ?? [],
        stored: storedOf(rows, String(session?.id)),
        devices: [...places, ...read.map(({ device, cursor }) => ({ device, cursor, said: null }))],
      }
    }),
  )
}

export interface Readers {
  readonly members: readonly Pick<Member, "number" | "url">[]
  readonly token: string
  readonly devices: readonly Device[]
  readonly recorder: Recorder
  /** Milliseconds that a fresh client gets to read a log. */
  readonly patience_ms: number
}

async function readLog(
  { url, number }: Pick<Member, "number" | "url">,
  { chat_id, flow_id, top }: { chat_id: string; flow_id: string; top: number },
  { token, recorder, patience_ms }: Readers,
): Promise<{ log: DurableEvent[]; device: string; cursor: number }> {
  const device = `reader ${number}`
  const note = recorder.of(chat_id, device)
  using chat = connectChat({ url, flow_id, chat_id, token, cursor: 0 })
  note({ kind: "opened", cursor: 0 })
  chat.on("snapshot", (snapshot) => note({ kind: "snapshot", ...snapshot }))
  const log: DurableEvent[] = []
  const late = AbortSignal.timeout(patience_ms)
  try {
    for await (const event of top > 0 ? chat.events({ signal: late }) : []) {
      if (event.type === "snapshot") break
      note({ kind: "event", event })
      log.push(event)
      if (event.seq >= top) break
    }
  } catch (error) {
    note({ kind: "gave_up", code: error instanceof ClientError ? error.code : String(error) })
  }
  return { log, device, cursor: log.at(-1)?.seq ?? 0 }
}

function storedOf(
  { sessions = [], events = [], turns = [], messages = [], inputs = [] }: Rows,
  id: string,
): FinalChat["stored"] {
  const session = sessions.find((row) => row.id === id)
  const own = (row: Record<string, unknown>) => row.session_id === id
  const text = (value: unknown) => (value === null ? null : String(value))
  return {
    last_seq: Number(session?.last_seq ?? 0),
    state: String(session?.state ?? "initialized"),
    events: events
      .filter(own)
      .map(({ seq, kind, ref }) => ({ seq: Number(seq), kind: String(kind), ref: text(ref) }))
      .sort((a, b) => a.seq - b.seq),
    turns: turns
      .filter(own)
      .map((turn) => ({ id: String(turn.id), state: String(turn.state), generation: Number(turn.generation) })),
    messages: messages.filter(own).map((message) => ({ id: String(message.id), seq: Number(message.seq) })),
    questions: inputs.filter((input) => own(input) && input.closed_at === null).length,
  }
}

async function placeOf({ page, chat }: Device): Promise<FinalChat["devices"][number]> {
  const signal = AbortSignal.timeout(10_000)
  const said = await chat.status({ signal }).catch(() => ({ state: "no answer", turns: [] }))
  return { device: page, cursor: chat.cursor, said: { state: said.state, turns: said.turns.length } }
}
