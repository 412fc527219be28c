// A client and its scripted service, with a clock that the test moves; all of it is gone when the test is over.
import { type Chat, connectChat } from "../../src/client/chat.ts"
import type { ChatEvents } from "../../src/client/events.ts"
import type { ChatOptions } from "../../src/client/options.ts"
import { FakeClock } from "./fake-clock.ts"
import { CHAT, joined, replayed } from "./frames.ts"
import { type Line, ScriptedServer } from "./scripted-server.ts"

export class Scene implements AsyncDisposable {
  readonly clock = new FakeClock()
  readonly server = new ScriptedServer()
  readonly chat: Chat
  /** What the listeners heard: `[type, first argument]`, in order. */
  readonly heard: { [K in keyof ChatEvents]: [K, ChatEvents[K][0]] }[keyof ChatEvents][] = []

  constructor(options: Partial<ChatOptions> = {}) {
    this.chat = connectChat({
      url: this.server.url,
      flow_id: "default",
      chat_id: CHAT,
      token: "tok",
      clock: this.clock,
      random: () => 0.5,
      ...options,
    })
    const types = [
      "message",
      "progress",
      "result",
      "end",
      "interrupt",
      "status",
      "typing",
      "read",
      "snapshot",
      "connection",
      "error",
    ] as const
    for (const type of types) this.#record(type)
  }

  /** Lets the client join a log that is at `top`, at its cursor; gives the line. */
  async join(top = this.chat.cursor ?? 0): Promise<Line> {
    const line = await this.server.next()
    const { data } = await line.next("start")
    const recovered = data.cursor !== undefined
    line.say(
      joined({ recovered, from: data.cursor ?? top, top, ...(recovered ? {} : { snapshot: [] }) }),
      replayed(top),
    )
    await this.chat.ready()
    return line
  }

  /** The next event of this type that fits. */
  async when<K extends keyof ChatEvents>(type: K, fits: (data: ChatEvents[K][0]) => boolean = () => true) {
    return new Promise<ChatEvents[K][0]>((resolve) => {
      const off = this.chat.on(type, (...[data]) => {
        if (!fits(data)) return
        off()
        resolve(data)
      })
    })
  }

  /** Resolves with the pause that the client makes before it comes back; Infinity: until it has a network. */
  async lost(): Promise<number> {
    const now = this.chat.connection
    const state = now.state === "waiting" ? now : await this.when("connection", ({ state }) => state === "waiting")
    if (state.state !== "waiting") throw new Error(`is ${state.state}`)
    return state.retry_in_ms ?? Number.POSITIVE_INFINITY
  }

  /** Cuts the line, lets the pause pass, and joins again. */
  async again(line: Line, top?: number): Promise<Line> {
    line.cut()
    this.clock.advance(await this.lost())
    return this.join(top)
  }

  heardOf<K extends keyof ChatEvents>(type: K): ChatEvents[K][0][] {
    return this.heard.flatMap(([of, data]) => (of === type ? [data as ChatEvents[K][0]] : []))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.chat.close()
    await this.server[Symbol.asyncDispose]()
  }

  #record<K extends keyof ChatEvents>(type: K): void {
    this.chat.on(type, (...[data]) => {
      this.heard.push([type, data] as (typeof this.heard)[number])
    })
  }
}
