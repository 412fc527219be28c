// A service, two devices of one person, and a bot, all in the hands of a test that lets the wires break at any frame; and
// what must hold when everything has come to rest.
import { expect } from "bun:test"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Chat, connectChat } from "../../src/client/chat.ts"
import type { ClientClock } from "../../src/client/clock.ts"
import { ClientError } from "../../src/client/error.ts"
import type { ChatEvent } from "../../src/client/events.ts"
import type { DurableEvent } from "../../src/client/frame.ts"
import type { Say } from "../../src/client/say.ts"
import { turnOfTheLoop } from "../support/clock.ts"
import { type ScriptedRun, scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer, type TestServer } from "../support/server.ts"
import { until } from "../support/until.ts"
import { type Cut, CuttingWire } from "./cutting-wire.ts"

const CHAT = "c_cut"
/** Pauses pass so much faster than in life. */
const haste = 50

/** Counts its timers, so that a leak shows. */
class HastyClock implements ClientClock {
  pending = 0

  now(): number {
    return performance.now() * haste
  }

  after(ms: number, act: () => void): () => void {
    this.pending += 1
    let waits = true
    const over = () => {
      if (waits) this.pending -= 1
      waits = false
    }
    const timer = setTimeout(() => {
      over()
      act()
    }, ms / haste)
    return () => {
      over()
      clearTimeout(timer)
    }
  }
}

/** Refusals of an edit that came when the bot was at it, or when another had taken its place. */
const tooLate = ["not_waiting", "not_found"]

/** What was said with one id, and the answers to it. */
interface Saying {
  /** By which devices. */
  readonly from: Set<number>
  readonly said: Say
  readonly seqs: (number | null)[]
  /** It was said again after a refusal, so what was said after it may stand before it. */
  late: boolean
}

class Device {
  readonly clock = new HastyClock()
  readonly wire: CuttingWire
  /** What each chat object of this device applied: a page reload begins a new one. */
  readonly applied: ChatEvent[][] = []
  /** The next connection gets a token that has to be renewed at once. */
  shortToken = false
  chat: Chat
  readonly #world: CutWorld

  constructor(world: CutWorld) {
    this.#world = world
    this.wire = new CuttingWire(() => world.server.url)
    this.chat = this.#open(0, null)
  }

  reload(): void {
    const { cursor, epoch, unacked } = this.chat
    this.chat.close()
    expect(this.clock.pending).toBe(0)
    this.chat = this.#open(cursor ?? 0, epoch)
    for (const { id, data } of unacked) this.#world.told(this, id, data as Say)
  }

  #open(cursor: number, epoch: string | null): Chat {
    const chat = connectChat({
      ...{ url: "ws://service", flow_id: "default", chat_id: CHAT, cursor, epoch },
      ...{ clock: this.clock, random: () => 0.01, WebSocket: this.wire.WebSocket },
      token: () => {
        const ttl_s = this.shortToken ? 60 : 3600
        this.shortToken = false
        return this.#world.server.token(1, { ttl_s })
      },
    })
    const applied: ChatEvent[] = []
    this.applied.push(applied)
    const read = async () => {
      for await (const event of chat) applied.push(event)
    }
    read().catch((error: unknown) => this.#world.faults.push(error))
    this.#watchText(chat)
    return chat
  }

  /** Text and thinking that are shown grow, and are the beginning of what the result has. */
  #watchText(chat: Chat): void {
    const shown = new Map<string, string>()
    const last = new Map<string, number>()
    const over = new Set<string>()
    const show = (kind: "text" | "reasoning", id: string, text: string) => {
      // What an earlier run of the turn said may be taken back (P6.9).
      const run = chat.answers.get(id)?.generation ?? last.get(id) ?? 1
      last.set(id, run)
      const key = `${kind} ${id} ${run}`
      const before = shown.get(key) ?? ""
      if (!text.startsWith(before)) this.#world.faults.push(`${kind} "${text}" after "${before}"`)
      if (over.has(id)) this.#world.faults.push(`${kind} "${text}" after the result`)
      shown.set(key, text)
    }
    chat.on("progress", (news) => {
      if (news.kind === "text" || news.kind === "reasoning") show(news.kind, news.message_id, news.text)
    })
    chat.on("result", ({ id, message, parts }) => {
      const thought = parts.map((part) => (part.type === "reasoning" ? part.text : "")).join("")
      // A run that nothing was heard of may have taken back what was shown.
      if (!this.#world.resumable)
        for (const [kind, text] of [
          ["text", message ?? ""],
          ["reasoning", thought],
        ] as const)
          show(kind, id, text)
      over.add(id)
    })
    // That it shuts down is no fault of anybody's.
    chat.on("error", (error) => error.code !== "draining" && this.#world.faults.push(error))
  }
}

export type BotAct = "say" | "think" | "end" | "fail" | "ask" | "title"

export class CutWorld implements AsyncDisposable {
  readonly faults: unknown[] = []
  readonly devices: readonly [Device, Device]
  server: TestServer
  /** Turns run on after a restart, and may take back what they said. */
  readonly resumable: boolean
  readonly #folder: string
  readonly #bot: ReturnType<typeof scriptedHandler>
  readonly #sayings = new Map<string, Saying>()
  readonly #waiting = new Set<Promise<unknown>>()
  readonly #edited = new Set<string>()
  #runs: ScriptedRun[] = []
  #later: [BotAct, string][] = []
  #resting = false

  private constructor(resumable: boolean, folder: string, bot: ReturnType<typeof scriptedHandler>, server: TestServer) {
    this.resumable = resumable
    this.#folder = folder
    this.#bot = bot
    this.server = server
    this.devices = [new Device(this), new Device(this)]
    void this.#play()
  }

  static async open({ resumable }: { resumable: boolean }): Promise<CutWorld> {
    const bot = scriptedHandler("scripted", { resumable })
    const folder = await mkdtemp(join(tmpdir(), "bisheng-chat-cut-"))
    return new CutWorld(resumable, folder, bot, await serve(folder, bot))
  }

  say(at: number, said: Say, id: string): void {
    const device = this.#device(at)
    const saying = this.#sayings.get(id) ?? { from: new Set(), said, seqs: [], late: false }
    this.#sayings.set(id, saying)
    saying.from.add(at)
    this.told(device, id, saying.said)
  }

  /** Gives what was said last another text, if it still waits. */
  edit(at: number, text: string): void {
    const { chat } = this.#device(at)
    const waiting = chat.turns.at(-1)
    if (!waiting) return
    this.#edited.add(waiting.message_id)
    this.#wait(chat.send({ kind: "edit", message_id: waiting.message_id, text }), ["closed", ...tooLate])
  }

  /** Sends and waits for the answer; again after a reload, if there was none, and when the line of turns moved too fast. */
  told(device: Device, id: string, said: Say): void {
    const saying = this.#sayings.get(id)
    const answer = device.chat.send(said, { id }).then(
      ({ seq }) => saying?.seqs.push(seq),
      (error: unknown) => {
        if (!saying || !(error instanceof ClientError) || error.code !== "busy") throw error
        saying.late = true
        this.told(device, id, said)
      },
    )
    this.#wait(answer, said.kind === "edit" ? ["closed", ...tooLate] : ["closed"])
  }

  interrupt(at: number): void {
    this.#wait(this.#device(at).chat.interrupt(), ["closed", "connection_lost"])
  }

  status(at: number): void {
    this.#wait(this.#device(at).chat.status(), ["closed"])
  }

  cut(at: number, cut: Cut | null): void {
    const { wire } = this.#device(at)
    if (cut) wire.plan(cut)
    else wire.cut()
  }

  reload(at: number): void {
    this.#device(at).reload()
  }

  shortToken(at: number): void {
    this.#device(at).shortToken = true
    this.cut(at, null)
  }

  /** The bot goes on; what it cannot do now it does in its next turn. */
  bot(act: BotAct, text: string): void {
    const run = this.#runs.at(-1)
    if (run) play(run, act, text)
    else this.#later.push([act, text])
  }

  async restart(): Promise<void> {
    await this.server.stop()
    const lost = () => this.devices.every(({ chat }) => chat.connection.state !== "connected")
    await until(lost, "the devices to see that the service is gone")
    this.server = await serve(this.#folder, this.#bot)
  }

  async connected(): Promise<void> {
    for (const { wire } of this.devices) wire.mend()
    await Promise.all(this.devices.map(({ chat }) => chat.ready()))
  }

  /** Lets everybody come to the present, in the middle of whatever goes on, and looks whether all show the same. */
  async expectSame(): Promise<void> {
    await this.#withFresh(async (fresh) => {
      const views = () => this.devices.map(({ chat }) => viewOf(chat))
      const same = () => views().every((view) => Bun.deepEquals(view, viewOf(fresh)))
      // Should it never be so, the comparison says where.
      await until(same, "all to show the same").catch(() => undefined)
      for (const view of views()) expect(view).toEqual(viewOf(fresh))
    })
  }

  /** Lets everything come to an end, and looks whether all is as it must be. */
  async expectRight(): Promise<void> {
    this.#resting = true
    for (const run of this.#runs) run.done()
    await this.#withFresh(async (fresh, events) => {
      const devices = this.devices.map(({ chat }) => chat)
      const present = () => fresh.turns.length === 0 && devices.every(({ cursor }) => cursor === fresh.cursor)
      await until(present, "everybody to have the whole log")
      await turnOfTheLoop()
      expect(this.faults).toEqual([])
      const log = events.flatMap((event): DurableEvent[] => (event.type === "snapshot" ? [] : [event]))
      expect(log.map(({ seq }) => seq)).toEqual(log.map((_, at) => at + 1))
      for (const { applied } of this.devices)
        expect(applied.flat().map(this.#unedited)).toEqual(log.map(this.#unedited))
      this.#expectSaid(log)
      for (const chat of devices) expect(viewOf(chat)).toEqual(viewOf(fresh))
      expect([...fresh.answers]).toEqual([])
    })
    for (const { wire } of this.devices) expect(wire.mostInFlight).toBeLessThanOrEqual(16)
    for (const { chat } of this.devices) chat.close()
    for (const { clock } of this.devices) expect(clock.pending).toBe(0)
    await until(() => this.devices.every(({ wire }) => wire.open === 0), "all sockets to be closed")
  }

  /** With a client that has never seen the chat, when all that was said is answered. */
  async #withFresh(look: (fresh: Chat, events: readonly ChatEvent[]) => Promise<void>): Promise<void> {
    await this.connected()
    await until(() => this.#waiting.size === 0, "answers to everything that was said")
    using fresh = connectChat({
      ...{ url: this.server.url, flow_id: "default", chat_id: CHAT, cursor: 0, token: () => this.server.token() },
    })
    const events: ChatEvent[] = []
    void Array.fromAsync(fresh.events(), (event) => events.push(event))
    await fresh.ready()
    await look(fresh, events)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { chat } of this.devices) chat.close()
    await this.server[Symbol.asyncDispose]()
    await rm(this.#folder, { recursive: true, force: true })
  }

  /** Each thing once, where its acks say, and those of one device in the order in which it said them. */
  #expectSaid(log: readonly DurableEvent[]): void {
    const places = new Map<string, number>()
    for (const { type, data, seq } of log) {
      if (type !== "message" || data.client_id === null) continue
      expect(places.has(data.client_id)).toBe(false)
      places.set(data.client_id, seq)
    }
    expect(new Set(places.keys())).toEqual(new Set([...this.#sayings.keys()]))
    for (const [id, { seqs }] of this.#sayings) {
      expect(seqs.length).toBeGreaterThan(0)
      expect(new Set(seqs)).toEqual(new Set([places.get(id) ?? null]))
    }
    for (const at of [0, 1]) {
      const alone = [...this.#sayings].filter(([, { from, late }]) => from.size === 1 && from.has(at) && !late)
      const own = alone.map(([id]) => places.get(id) ?? 0)
      expect(own).toEqual(own.toSorted((a, b) => a - b))
    }
  }

  /** A message that was edited is replayed as it is now (P4.3). */
  readonly #unedited = (event: ChatEvent): ChatEvent =>
    event.type === "message" && this.#edited.has(event.data.id)
      ? { ...event, data: { ...event.data, message: null, parts: [] } }
      : event

  #device(at: number): Device {
    return this.devices[at === 0 ? 0 : 1]
  }

  #wait(answer: Promise<unknown>, accepted: readonly string[]): void {
    const waiting = answer
      .catch((error: unknown) => {
        if (!(error instanceof ClientError && accepted.includes(error.code))) this.faults.push(error)
      })
      .finally(() => this.#waiting.delete(waiting))
    this.#waiting.add(waiting)
  }

  async #play(): Promise<never> {
    for (;;) {
      const run = await this.#bot.run()
      this.#runs.push(run)
      for (const [act, text] of this.#later.splice(0)) play(run, act, text)
      if (this.#resting) run.done()
      void run.returned.then(() => {
        this.#runs = this.#runs.filter((one) => one !== run)
      })
    }
  }
}

function play(run: ScriptedRun, act: BotAct, text: string): void {
  if (act === "say") void run.say(text)
  if (act === "think") void run.yield({ type: "reasoning", text })
  if (act === "end") run.done()
  if (act === "fail") run.fail(new Error(text))
  if (act === "ask") void run.yield({ type: "question", prompt: text })
  if (act === "title") void run.yield({ type: "title", title: text })
}

function serve(folder: string, { handler }: ReturnType<typeof scriptedHandler>): Promise<TestServer> {
  return startTestServer({ folder, handlers: { scripted: handler }, env: { CHAT_MAX_QUEUED_TURNS: "1000" } })
}

/** What a chat shows of the present. `update_time` is the row's alone. */
function viewOf({ session, turns, question, answers, unacked, cursor, epoch, connection }: Chat) {
  return {
    ...{ session: { ...session, update_time: null }, turns, question, cursor, epoch, connection },
    ...{ answers: [...answers], unacked: [...unacked] },
  }
}
