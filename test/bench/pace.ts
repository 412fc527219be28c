// What is said, and how fast: the same source for the service's bots and for the bare server, so that the difference
// between the two is the service.

/** `count` pieces, one each `every_ms` after a random pause, each with the time at which it was said. */
export async function* stamped(count: number, every_ms: number): AsyncGenerator<string> {
  await new Promise((resolve) => setTimeout(resolve, Math.random() * every_ms))
  for (let said = 0; said < count; said++) {
    yield stamp()
    await new Promise((resolve) => setTimeout(resolve, every_ms))
  }
}

const stampLength = 24

/** A word of 24 characters, as long as a model's delta: "@", and the time in microseconds since the epoch. */
function stamp(): string {
  return `@${((performance.timeOrigin + performance.now()) * 1000).toFixed(0)}`.padEnd(stampLength, ".")
}

/** How long ago each of the stamps in a frame was made, in milliseconds. */
export function agesOf(frame: Buffer): number[] {
  const now = performance.timeOrigin + performance.now()
  const ages: number[] = []
  for (let at = frame.indexOf("@1"); at !== -1; at = frame.indexOf("@1", at + stampLength))
    ages.push(now - Number.parseInt(frame.toString("latin1", at + 1, at + stampLength), 10) / 1000)
  return ages
}

/** `bursts` times `size` acts in one turn of the event loop, one burst each `every_ms`. */
export async function inBursts(
  bursts: number,
  size: number,
  every_ms: number,
  act: (n: number) => void,
): Promise<void> {
  for (let burst = 0; burst < bursts; burst++) {
    for (let n = 0; n < size; n++) act(burst * size + n)
    await new Promise((resolve) => setTimeout(resolve, every_ms))
  }
}
