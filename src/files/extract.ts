// The text of a file, read in a process of its own that has no environment, and ends when it takes too long or too much memory.
import { join } from "node:path"
import type { Clock } from "../clock.ts"
import { ChatError } from "../errors.ts"
import type { FilesConfig } from "../settings.ts"
import { Extracted, type ExtractTask, type Readable } from "./extract-task.ts"

export interface Extraction {
  readonly text: string
  /** There is more. */
  readonly cut: boolean
}

const program = join(import.meta.dir, "extract-process.ts")
/** Processes at the same time; who comes later waits. */
const atOnce = 2

export class Extractor {
  readonly #config: FilesConfig
  readonly #clock: Clock
  readonly #waiting: (() => void)[] = []
  readonly #children = new Set<Bun.Subprocess>()
  #running = 0

  constructor(config: FilesConfig, clock: Clock) {
    this.#config = config
    this.#clock = clock
  }

  /** Throws `file_unreadable` with the reason. */
  async extract(content: ReadableStream<Uint8Array<ArrayBuffer>>, mime_type: Readable): Promise<Extraction> {
    if (this.#running === atOnce) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#running++
    try {
      return await this.#run(content, mime_type)
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#running--
    }
  }

  /** Ends what is being read. */
  close(): void {
    for (const child of this.#children) child.kill("SIGKILL")
  }

  async #run(content: ReadableStream<Uint8Array<ArrayBuffer>>, mime_type: Readable): Promise<Extraction> {
    const { max_text_length, max_pdf_pages, text_timeout, text_memory_bytes } = this.#config
    const task: ExtractTask = {
      mime_type,
      max_length: max_text_length,
      max_pages: max_pdf_pages,
      memory_bytes: text_memory_bytes,
    }
    const child = Bun.spawn([process.execPath, program, JSON.stringify(task)], {
      stdin: content,
      stdout: "pipe",
      stderr: "ignore",
      env: {},
      // What a text may become as JSON.
      maxBuffer: max_text_length * 6 + 1024,
    })
    this.#children.add(child)
    let late = false
    const cancel = this.#clock.after(text_timeout * 1000, () => {
      late = true
      child.kill("SIGKILL")
    })
    try {
      const [output] = await Promise.all([new Response(child.stdout).text(), child.exited])
      const extracted =
        child.exitCode === 0 ? Extracted.parse(JSON.parse(output)) : { problem: late ? "slow" : "memory" }
      if (!("problem" in extracted)) return extracted
      const params = { problem: extracted.problem, limit: max_pdf_pages, seconds: text_timeout }
      throw new ChatError("file_unreadable", { params })
    } finally {
      cancel()
      this.#children.delete(child)
    }
  }
}
