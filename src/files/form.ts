// A form, read as it comes: what a part brings is passed on before the next piece is taken from the socket.
import Busboy, { type BusboyInstance } from "@fastify/busboy"
import { ChatError } from "../errors.ts"

/** Around the contents: boundary, headers of a part. */
export const formOverhead = 65_536

export interface FormPart {
  readonly name: string
  /** As the sender wrote it; undefined: it is no file. */
  readonly filename: string | undefined
  readonly declared: string
  readonly chunks: AsyncIterable<Uint8Array>
}

export interface FormLimits {
  readonly parts: number
  /** Bytes that nobody takes and that are read all the same, for the sake of what comes behind them. */
  readonly dropped: number
}

/**
 * Gives part after part to `take`, which reads as much of its `chunks` as it wants, until that says `enough`. The last part that
 * may come ends only when the form has ended well. Throws `bad_request` for what is no form, breaks off, or has too many parts;
 * `frame_too_large` when too much of it is dropped.
 */
export async function readForm(
  { headers, body }: Pick<Request, "headers" | "body">,
  limits: FormLimits,
  take: (part: FormPart) => Promise<undefined | "enough">,
): Promise<void> {
  if (!body) throw badForm()
  const reader = body.getReader()
  try {
    const form = new Form(headers.get("Content-Type") ?? "", reader, limits)
    for (let part = await form.next(); part; part = await form.next()) {
      const { name, filename, declared } = part
      if ((await take({ name, filename, declared, chunks: form.chunks(part) })) === "enough") return
      await form.drop(part)
    }
  } finally {
    // What was not read is dropped by Bun, without it taking memory.
    await reader.cancel().catch(() => undefined)
  }
}

export function badForm(cause?: unknown): ChatError {
  return new ChatError("bad_request", { params: { problem: "form" }, cause })
}

interface Source {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>
}

interface Incoming {
  readonly name: string
  readonly filename: string | undefined
  readonly declared: string
  readonly last: boolean
  pieces: Uint8Array[]
  complete: boolean
}

class Form {
  readonly #reader: Source
  readonly #parser: BusboyInstance
  readonly #limits: FormLimits
  readonly #begun: Incoming[] = []
  #number = 0
  #dropped = 0
  #done = false
  #fault: unknown

  constructor(content_type: string, reader: Source, limits: FormLimits) {
    this.#reader = reader
    this.#limits = limits
    this.#parser = parserOf(content_type, limits.parts)
    this.#parser.on("file", (name: string | undefined, content, filename: string | undefined, _encoding, declared) => {
      if (name === undefined) this.#fail(new Error("a part without a name"))
      const last = ++this.#number === limits.parts
      const part: Incoming = { name: name ?? "", filename, declared, last, pieces: [], complete: false }
      this.#begun.push(part)
      content.on("data", (piece: Uint8Array) => part.pieces.push(piece))
      content.on("end", () => {
        part.complete = true
      })
      content.on("error", (cause: Error) => this.#fail(cause))
    })
    for (const limit of ["partsLimit", "filesLimit", "fieldsLimit"] as const) {
      this.#parser.on(limit, () => this.#fail(new Error(limit)))
    }
    this.#parser.on("error", (cause) => this.#fail(cause))
    this.#parser.on("finish", () => {
      this.#done = true
    })
  }

  /** The part that comes next, with its headers read; undefined: the form has ended well. */
  async next(): Promise<Incoming | undefined> {
    let between = 0
    while (this.#begun.length === 0 && !this.#done) {
      between += await this.#more()
      if (between > formOverhead && this.#begun.length === 0) throw badForm()
    }
    return this.#begun.shift()
  }

  async *chunks(part: Incoming): AsyncGenerator<Uint8Array> {
    for (;;) {
      yield* part.pieces.splice(0)
      if (part.complete) break
      await this.#more()
    }
    yield* part.pieces.splice(0)
    // Only then is it certain that nothing is missing, and that nothing comes that may not.
    if (part.last && (await this.next())) throw badForm()
  }

  /** What is left of a part. */
  async drop(part: Incoming): Promise<void> {
    for await (const { length } of this.chunks(part)) {
      this.#dropped += length
      const limit = this.#limits.dropped
      if (this.#dropped > limit) throw new ChatError("frame_too_large", { params: { limit } })
    }
  }

  /** Reads a piece that has to be there. */
  async #more(): Promise<number> {
    if (this.#done) throw badForm()
    const { done, value } = await this.#reader.read().catch((cause: unknown) => {
      throw badForm(cause)
    })
    if (done) await this.#end()
    else if (value) await new Promise<void>((written) => this.#parser.write(value, () => written()))
    if (this.#fault !== undefined) throw badForm(this.#fault)
    if (done && !this.#done) throw badForm()
    return value?.length ?? 0
  }

  #end(): Promise<void> {
    return new Promise((over) => {
      this.#parser.once("finish", over)
      this.#parser.once("error", () => over())
      this.#parser.end()
    })
  }

  #fail(cause: unknown): void {
    this.#fault ??= cause
  }
}

function parserOf(content_type: string, parts: number): BusboyInstance {
  try {
    return Busboy({
      headers: { "content-type": content_type },
      // Every part as a file: how much of a value is read, its taker says.
      limits: { parts, headerPairs: 50 },
      isPartAFile: () => true,
      // No more is read than is taken, so busboy need not wait for anybody: one that waits never comes back from a part that it
      // passes over and that ends in the same piece (3.2.6).
      fileHwm: 2 ** 30,
      // The name is cut to its last part where it is kept.
      preservePath: true,
    })
  } catch (cause) {
    throw badForm(cause)
  }
}
