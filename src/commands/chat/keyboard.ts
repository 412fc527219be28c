// Lines from standard input, with a prompt when it is a terminal.
import { createInterface, type Interface } from "node:readline"
import { Writable } from "node:stream"

export interface KeyboardOptions {
  readonly input: NodeJS.ReadableStream
  readonly output: NodeJS.WriteStream
  readonly terminal: boolean
  /** Ctrl-C. */
  interrupted(): void
}

export class Keyboard {
  readonly #readline: Interface
  readonly #output: NodeJS.WriteStream
  readonly #terminal: boolean
  /** What is typed while an answer is written is kept, but shown only with the next prompt. */
  #shown = false

  constructor({ input, output, terminal, interrupted }: KeyboardOptions) {
    this.#output = output
    this.#terminal = terminal
    this.#readline = createInterface({ input, output: terminal ? this.#echo() : undefined, terminal, prompt: "> " })
    this.#readline.on("SIGINT", interrupted)
  }

  /** Until the input ends, or `close`. */
  async *lines(): AsyncGenerator<string> {
    for await (const line of this.#readline) {
      this.#shown = false // the line break took the prompt away
      yield line
    }
  }

  /** Shows the prompt and what is typed already. Returns what takes it away; null when there is no terminal. */
  prompt(): (() => void) | null {
    if (!this.#terminal || this.#shown) return null
    this.#shown = true
    this.#readline.prompt(true)
    return () => {
      this.#shown = false
      this.#output.write("\r\x1b[J")
    }
  }

  close(): void {
    this.#shown = false
    this.#readline.close()
  }

  #echo(): Writable {
    const echo = new Writable({
      write: (chunk, _encoding, done) => {
        if (this.#shown) this.#output.write(chunk, done)
        else done()
      },
    })
    // Readline asks its output how wide the terminal is.
    return Object.defineProperty(echo, "columns", { get: () => this.#output.columns })
  }
}
