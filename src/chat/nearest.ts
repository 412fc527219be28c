// The name that somebody most likely meant.

/** Undefined: none is near enough. */
export function nearest(said: string, names: readonly string[]): string | undefined {
  // Longer ones are none of the names, and comparing costs by the length.
  if (said.length === 0 || said.length > 40) return undefined
  const [best] = names
    .map((name) => ({ name, far: name.startsWith(said) && said.length > 1 ? 0 : distance(said, name) }))
    .sort((a, b) => a.far - b.far)
  return best && best.far <= Math.max(1, Math.floor(best.name.length / 3)) ? best.name : undefined
}

/** Letters to add, take away, change, or swap with the next (optimal string alignment). */
function distance(a: string, b: string): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const change = (last[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1)
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      const swap = swapped ? (before[column - 2] ?? 0) + 1 : change
      current.push(Math.min((last[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1, change, swap))
    }
    before = last
    last = current
  }
  return last[b.length] ?? 0
}
