// Numbers that look like chance and are the same for the same seed.

export interface Random {
  /** From 0 up to 1. */
  next(): number
  /** An integer from `least` to `most`, both included. */
  between(least: number, most: number): number
  chance(probability: number): boolean
  pick<T>(from: readonly T[]): T
  shuffled<T>(all: readonly T[]): T[]
  /** Another source, which depends on this seed and the name alone. */
  fork(name: string): Random
}

export function seeded(seed: number): Random {
  let state = seed >>> 0
  // mulberry32 (public domain, T. Ettinger)
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const random: Random = {
    next,
    between: (least, most) => least + Math.floor(next() * (most - least + 1)),
    chance: (probability) => next() < probability,
    pick(from) {
      const picked = from[Math.floor(next() * from.length)]
      if (picked === undefined) throw new Error("there is nothing to pick from")
      return picked
    },
    shuffled(all) {
      const places = all.map((one) => ({ one, place: next() }))
      return places.sort((a, b) => a.place - b.place).map(({ one }) => one)
    },
    fork: (name) => seeded(Bun.hash.xxHash32(name, seed >>> 0)),
  }
  return random
}
