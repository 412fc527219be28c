// A plug-in's events for as long as they are wanted, whatever the plug-in does.
import { expect, test } from "bun:test"
import { hear } from "../../src/chat/hear.ts"
import { turnOfTheLoop } from "../support/clock.ts"

async function collect<T>(
  events: AsyncIterable<T>,
  signal: AbortSignal,
  each: (event: T) => void = () => {},
): Promise<T[]> {
  const got: T[] = []
  const heard = (event: T) => {
    got.push(event)
    each(event)
    return undefined
  }
  await hear(events, { signal, heard })
  return got
}

async function* counting(): AsyncGenerator<number> {
  for (let number = 1; ; number++) yield number
}

test("gives all that there is, in order, when nobody stops it", async () => {
  async function* three() {
    yield* [1, 2, 3]
  }
  expect(await collect(three(), new AbortController().signal)).toEqual([1, 2, 3])
})

test("[P6.5] what is yielded after the stop is not given", async () => {
  const controller = new AbortController()
  const got = await collect(counting(), controller.signal, (number) => {
    if (number === 3) controller.abort()
  })
  expect(got).toEqual([1, 2, 3])
})

test("[promise 6] ends although the handler never looks at the signal and hangs", async () => {
  const controller = new AbortController()
  async function* hanging() {
    yield "first"
    await new Promise(() => {})
  }
  const got = collect(hanging(), controller.signal)
  await turnOfTheLoop()
  controller.abort()
  expect(await got).toEqual(["first"])
})

test("a signal that was aborted before gives nothing", async () => {
  expect(await collect(counting(), AbortSignal.abort())).toEqual([])
})

test("the handler's own cleaning up is done: after the stop, after leaving, after the end", async () => {
  const cleaned: string[] = []
  async function* careful(name: string) {
    try {
      yield* counting()
    } finally {
      cleaned.push(name)
    }
  }
  const controller = new AbortController()
  await collect(careful("stopped"), controller.signal, () => controller.abort())
  await hear(careful("left"), { signal: new AbortController().signal, heard: () => true })
  await turnOfTheLoop()
  expect(cleaned).toEqual(["stopped", "left"])
})

test("what the handler throws comes through; what it throws after the stop does not", async () => {
  async function* failing() {
    yield 1
    throw new TypeError("broken")
  }
  await expect(collect(failing(), new AbortController().signal)).rejects.toThrow("broken")
  const controller = new AbortController()
  async function* failingLate() {
    try {
      yield 1
      await new Promise((_, reject) => controller.signal.addEventListener("abort", () => reject(new Error("late"))))
    } catch {
      throw new Error("later still")
    }
  }
  const got = collect(failingLate(), controller.signal)
  await turnOfTheLoop()
  controller.abort()
  expect(await got).toEqual([1])
  await turnOfTheLoop()
})

test("an iterator made by hand is taken as it is: without `return`, or with one that throws or gives no promise", async () => {
  const byHand = (more: object): AsyncIterable<number> => {
    let number = 0
    const iterator = { next: async () => ({ done: number >= 2, value: ++number }), ...more }
    return { [Symbol.asyncIterator]: () => iterator as AsyncIterator<number> }
  }
  const returns = [{}, { return: () => undefined }, { return: () => ({ done: true }) }]
  const throwing = {
    return: () => {
      throw new Error("no")
    },
  }
  for (const more of [...returns, throwing]) {
    expect(await collect(byHand(more), new AbortController().signal)).toEqual([1, 2])
    const controller = new AbortController()
    expect(await collect(byHand(more), controller.signal, () => controller.abort())).toEqual([1])
  }
})

test("no listener is left on the signal", async () => {
  const { signal } = new AbortController()
  let listeners = 0
  const add = signal.addEventListener.bind(signal)
  const remove = signal.removeEventListener.bind(signal)
  Object.assign(signal, {
    addEventListener: (...given: Parameters<typeof add>) => {
      listeners += 1
      add(...given)
    },
    removeEventListener: (...given: Parameters<typeof remove>) => {
      listeners -= 1
      remove(...given)
    },
  })
  await hear(counting(), { signal, heard: (number) => number === 100 || undefined })
  expect(listeners).toBe(0)
})

test("what the listener throws ends it with that, and the handler is let go", async () => {
  const { signal } = new AbortController()
  const let_go = Promise.withResolvers<void>()
  async function* careful() {
    try {
      yield* counting()
    } finally {
      let_go.resolve()
    }
  }
  const failing = () => {
    throw new TypeError("too much")
  }
  await expect(hear(careful(), { signal, heard: failing })).rejects.toThrow("too much")
  await let_go.promise
})

test("an event is asked for only when the one before was taken, however long that takes", async () => {
  const controller = new AbortController()
  let asked = 0
  async function* eager() {
    for (;;) yield ++asked
  }
  const gate = Promise.withResolvers<undefined>()
  const over = hear(eager(), { signal: controller.signal, heard: () => gate.promise })
  await turnOfTheLoop()
  expect(asked).toBe(1)
  controller.abort()
  await over
  gate.resolve(undefined)
  await turnOfTheLoop()
  expect(asked).toBe(1)
})
