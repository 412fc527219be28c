// A form with a file, read as it comes: what a part brings is passed on before the next piece is taken from the socket.
import { make, type PartInfo } from "multipasta"
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

class Form {
  readonly #reader: Source
  readonly #parser: ReturnType<typeof make>
  #info: PartInfo | undefined
  #pieces: Uint8Array[] = []
  #complete = false
  #done = false
  #faulty = false

  constructor(content_type: string, reader: Source) {
    this.#reader = reader
    this.#parser = make({
      headers: { "content-type": content_type },
      maxParts: 1,
      isFile: () => true,
      onFile: (info) => this.#begun(info),
      onField: () => this.#fail(),
      onError: () => this.#fail(),
      onDone: () => {
        this.#done = true
      },
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
    try {
      if (done) this.#parser.end()
      else if (value) this.#parser.write(value)
    } catch (cause) {
      throw badForm(cause)
    }
    if (this.#faulty || (done && !this.#done)) throw badForm()
    return value?.length ?? 0
  }

  #begun(info: PartInfo): (chunk: Uint8Array | null) => void {
    if (this.#info || info.name !== "file") this.#fail()
    this.#info ??= info
    return (chunk) => {
      if (chunk) this.#pieces.push(chunk)
      else this.#complete = true
    }
  }

  #fail(): void {
    this.#faulty = true
  }
}

function badForm(cause?: unknown): ChatError {
  return new ChatError("bad_request", { params: { problem: "form" }, cause })
}
