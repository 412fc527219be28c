// Makes the server's ids: a prefix and a UUIDv7 without dashes, so that ids sort by the time they were made.
const prefixes = {
  session: "ses",
  chat: "chat",
  epoch: "epo",
  message: "msg",
  turn: "trn",
  input: "inp",
  file: "fil",
  instance: "ins",
} as const

export function newId(kind: keyof typeof prefixes): string {
  return `${prefixes[kind]}_${Bun.randomUUIDv7("buffer").toHex()}`
}

/** Of the answer that a turn may give: known with the turn's own, so that deltas can name it before it is written (store/branch.ts). */
export function answerIdOf(turn_id: string): string {
  return turn_id.replace(prefixes.turn, prefixes.message)
}

/** An id for a request that brought none. */
export function newTraceId(): string {
  return crypto.randomUUID()
}
