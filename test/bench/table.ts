// What a measurement gives: figures, each with what it is to reach where there is such a thing; as a table and as JSON.

export interface Target {
  readonly at_most?: number
  readonly at_least?: number
}

export interface Row {
  readonly measure: string
  readonly what: string
  /** null: it could not be measured here; the note says why. */
  readonly value: number | null
  readonly unit: string
  readonly target?: Target
  readonly note?: string
}

export interface Judged extends Row {
  readonly met?: boolean
}

export function judge(row: Row): Judged {
  const { value, target } = row
  const rounded = value === null ? null : Number(value.toPrecision(3))
  if (!target || value === null) return { ...row, value: rounded }
  const { at_most = Number.POSITIVE_INFINITY, at_least = Number.NEGATIVE_INFINITY } = target
  return { ...row, value: rounded, met: value <= at_most && value >= at_least }
}

export function tableOf(rows: readonly Judged[]): string {
  const cells = rows.map(({ what, value, unit, target, met, note }) => [
    what,
    value === null ? "-" : String(value),
    unit,
    target ? wordsOf(target) : "",
    met === undefined ? "" : met ? "met" : "MISSED",
    note ?? "",
  ])
  const head = ["measure", "value", "unit", "target", "", "note"]
  const widths = head.map((word, column) => Math.max(word.length, ...cells.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === 1 ? cell.padStart(widths[1] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join("  ")
  return `${[head, ...cells].map((row) => line(row).trimEnd()).join("\n")}\n`
}

function wordsOf({ at_most, at_least }: Target): string {
  return at_most === undefined ? `>= ${at_least}` : `<= ${at_most}`
}

export function quantile(values: readonly number[] | Float64Array, q: number): number {
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
}
