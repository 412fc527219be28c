// What every kind of bus promises, and all that chat/ may count on. A bus may lose what goes between instances, so that is
// left to the tests of each kind; what one instance says and hears itself is never lost.
import { describe, expect, test } from "bun:test"
import type { Bus, BusFrame } from "../../src/bus/bus.ts"
import type { ServerFrame } from "../../src/protocol/server-frame.ts"
import { until } from "../support/until.ts"

export interface BusKind {
  /** A bus of one instance, and what it stands on. */
  make(): Promise<AsyncDisposable & { readonly bus: Bus }>
  /** Why this kind cannot be had on this machine. */
  readonly missing?: string | undefined
}

function frame(replayed: number): ServerFrame {
  return { type: "start", data: { replayed }, trace_id: "trace-1", chat_id: "c1" }
}

/** Everything that is delivered, in order. */
function listen(bus: Bus): [string, BusFrame][] {
  const heard: [string, BusFrame][] = []
  bus.onDelivery((session_id, delivered) => void heard.push([session_id, delivered]))
  return heard
}

export function registerBusContract(kind: string, { make, missing }: BusKind): void {
  describe.skipIf(missing !== undefined)(`bus contract: ${kind}${missing ? ` (skipped: ${missing})` : ""}`, () => {
    /** Resolves when something that is said now has been heard: what was said before has been, or never will be. */
    async function quiet(bus: Bus, heard: [string, BusFrame][]): Promise<[string, BusFrame][]> {
      bus.subscribe("ses_quiet")
      bus.publish("ses_quiet", frame(0))
      await until(() => heard.some(([session_id]) => session_id === "ses_quiet"), "the end of the deliveries")
      bus.unsubscribe("ses_quiet")
      return heard.splice(0).filter(([session_id]) => session_id !== "ses_quiet")
    }

    test("what is published to a chat that was subscribed to is delivered, whole and once", async () => {
      await using it = await make()
      const heard = listen(it.bus)
      it.bus.subscribe("ses_1")
      const said: ServerFrame = {
        type: "progress",
        data: { kind: "text", turn_id: "trn_1", message_id: "msg_1", offset: 3, text: '中 😀 "quoted" \n\\' },
        ...{ trace_id: "trace-1", chat_id: "c1" },
      }
      const before = structuredClone(said)
      it.bus.publish("ses_1", said)
      expect(await quiet(it.bus, heard)).toEqual([["ses_1", before]])
      expect(said).toEqual(before)
    })

    test("what one instance publishes it hears in that order, over all its chats", async () => {
      await using it = await make()
      const heard = listen(it.bus)
      const chats = ["ses_1", "ses_2", "ses_3"]
      for (const chat of chats) it.bus.subscribe(chat)
      const said = Array.from({ length: 300 }, (_, number): [string, ServerFrame] => [
        chats[number % 3] ?? "",
        frame(number),
      ])
      for (const [chat, one] of said) it.bus.publish(chat, one)
      expect(await quiet(it.bus, heard)).toEqual(said)
    })

    test("other chats are not delivered, nor is a chat that was unsubscribed from", async () => {
      await using it = await make()
      const heard = listen(it.bus)
      it.bus.publish("ses_1", frame(1))
      it.bus.subscribe("ses_1")
      it.bus.publish("ses_10", frame(2))
      it.bus.publish("ses_1.ses_1", frame(3))
      it.bus.publish("ses_1", frame(4))
      it.bus.unsubscribe("ses_1")
      it.bus.publish("ses_1", frame(5))
      expect(await quiet(it.bus, heard)).toEqual([["ses_1", frame(4)]])
    })

    test("subscribing twice delivers once, and one unsubscribing ends it; more of either are harmless", async () => {
      await using it = await make()
      const heard = listen(it.bus)
      it.bus.unsubscribe("ses_1")
      it.bus.subscribe("ses_1")
      it.bus.subscribe("ses_1")
      it.bus.publish("ses_1", frame(1))
      it.bus.unsubscribe("ses_1")
      it.bus.unsubscribe("ses_1")
      it.bus.publish("ses_1", frame(2))
      it.bus.subscribe("ses_1")
      it.bus.publish("ses_1", frame(3))
      expect(await quiet(it.bus, heard)).toEqual([
        ["ses_1", frame(1)],
        ["ses_1", frame(3)],
      ])
    })

    test("who hears of a delivery may publish, subscribe and unsubscribe there and then", async () => {
      await using it = await make()
      const heard: [string, BusFrame][] = []
      it.bus.onDelivery((session_id, delivered) => {
        heard.push([session_id, delivered])
        if (session_id !== "ses_1") return
        it.bus.subscribe("ses_2")
        it.bus.publish("ses_2", frame(2))
        it.bus.unsubscribe("ses_1")
      })
      it.bus.subscribe("ses_1")
      it.bus.publish("ses_1", frame(1))
      it.bus.publish("ses_1", frame(3))
      expect(await quiet(it.bus, heard)).toEqual([
        ["ses_1", frame(1)],
        ["ses_2", frame(2)],
      ])
    })

    test("one is told of deliveries: the last who asked to be", async () => {
      await using it = await make()
      const first = listen(it.bus)
      const second = listen(it.bus)
      it.bus.subscribe("ses_1")
      it.bus.publish("ses_1", frame(1))
      expect(await quiet(it.bus, second)).toEqual([["ses_1", frame(1)]])
      expect(first).toEqual([])
    })

    test("publishing never waits and never throws: not without subscribers, not with a frame of 3 MB", async () => {
      await using it = await make()
      const heard = listen(it.bus)
      expect(it.bus.publish("ses_nobody", frame(1))).toBeUndefined()
      it.bus.subscribe("ses_1")
      const text = "x".repeat(3_000_000)
      const large: ServerFrame = {
        type: "progress",
        data: { kind: "text", turn_id: "trn_1", message_id: "msg_1", offset: 0, text },
        ...{ trace_id: "trace-1", chat_id: "c1" },
      }
      expect(it.bus.publish("ses_1", large)).toBeUndefined()
      expect(await quiet(it.bus, heard)).toEqual([["ses_1", large]])
    })

    test("after close nothing is delivered any more, and publishing is harmless", async () => {
      await using it = await make()
      const heard = listen(it.bus)
      it.bus.subscribe("ses_1")
      await it.bus.close()
      it.bus.publish("ses_1", frame(1))
      it.bus.unsubscribe("ses_1")
      expect(heard).toEqual([])
    })
  })
}
