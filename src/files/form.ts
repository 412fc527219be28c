// A form with a file, read as it comes: what a part brings is passed on before the next piece is taken from the socket.
import Busboy, { type BusboyInstance } from "@fastify/busboy"
import { ChatError } from "../errors.ts"

/** Around the content: boundary, headers of the part. */
export const formOverhead = 65_536

export interface FormFile {
  /** As the sender wrote it. */
  readonly name: string
  readonly declared: string
  readonly chunks: AsyncIterable<Uint8Array>
}

/**
 * Finds the part called `file` and gives it to `take`, which reads its `chunks` to the end. Throws `bad_request` for anything
 * else, and when the form breaks off or goes on after it.
 */
export async function readForm<T>(
  content_type: string,
  body: ReadableStream<Uint8Array>,
  take: (file: FormFile) => Promise<T>,
): Promise<T> {
  const reader = body.getReader()
  try {
    const form = new Form(content_type, reader)
    const info = await form.begin()
    return await take({ name: info.filename ?? "", declared: info.contentType, chunks: form.chunks() })
  } finally {
    // What was not read is dropped by Bun, without it taking memory.
    await reader.cancel().catch(() => undefined)
  }
}

interface Source {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>
}

interface PartInfo {
  readonly filename: string | undefined
  readonly contentType: string
}

class Form {
  readonly #reader: Source
  readonly #parser: BusboyInstance
  #info: PartInfo | undefined
  #pieces: Uint8Array[] = []
  #complete = false
  #done = false
  #fault: unknown

  constructor(content_type: string, reader: Source) {
    this.#reader = reader
    this.#parser = parserOf(content_type)
    this.#parser.on("file", (field, content, filename, _encoding, contentType) => {
      if (this.#info || field !== "file") this.#fail(new Error(`a part called ${field}`))
      this.#info ??= { filename, contentType }
      content.on("data", (piece: Uint8Array) => this.#pieces.push(piece))
      content.on("end", () => {
        this.#complete = true
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

  async begin(): Promise<PartInfo> {
    let read = 0
    while (this.#info === undefined) {
      read += await this.#more()
      if (read > formOverhead && this.#info === undefined) throw badForm()
    }
    return this.#info
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    for (;;) {
      yield* this.#pieces.splice(0)
      if (this.#complete) break
      await this.#more()
    }
    yield* this.#pieces.splice(0)
    // Only now is it certain that nothing is missing, and that there is no second part.
    let after = 0
    while (!this.#done) {
      after += await this.#more()
      if (after > formOverhead) throw badForm()
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

function parserOf(content_type: string): BusboyInstance {
  try {
    return Busboy({
      headers: { "content-type": content_type },
      // One part, and every part as a file: what is not called `file` is refused when it begins.
      limits: { parts: 1, headerPairs: 50 },
      isPartAFile: () => true,
      // The name is cut to its last part where it is kept.
      preservePath: true,
    })
  } catch (cause) {
    throw badForm(cause)
  }
}

function badForm(cause?: unknown): ChatError {
  return new ChatError("bad_request", { params: { problem: "form" }, cause })
}
