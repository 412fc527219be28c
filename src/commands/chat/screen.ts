// What the person sees. Answers go to standard output; what is said about them, to standard error, so that a script gets
// the answers alone. On a terminal the line being typed is taken away while something is written.

export interface ScreenOptions {
  readonly out: NodeJS.WritableStream
  readonly notes: NodeJS.WritableStream
  /** A person is looking. */
  readonly terminal: boolean
}

const dim = (text: string) => `\x1b[2m${text}\x1b[22m`

export class Screen {
  readonly terminal: boolean
  readonly #out: NodeJS.WritableStream
  readonly #notes: NodeJS.WritableStream
  /** The cursor is behind something. */
  #midline = false
  #hide: () => void = () => {}

  constructor({ out, notes, terminal }: ScreenOptions) {
    this.#out = out
    this.#notes = notes
    this.terminal = terminal
  }

  /** A prompt is on the screen; `hide` is called before anything else is written, to take it away. */
  prompted(hide: () => void): void {
    this.#hide = hide
  }

  /** A piece of an answer. */
  write(text: string): void {
    if (!text) return
    this.#clear()
    this.#out.write(text)
    this.#midline = !text.endsWith("\n")
  }

  /** A piece of what the model thinks on the way; no part of the answer. */
  think(text: string): void {
    if (!this.terminal) return
    this.#clear()
    this.#out.write(dim(text))
    this.#midline = !text.endsWith("\n")
  }

  /** The next thing begins a line of its own. */
  newline(): void {
    if (this.#midline) this.write("\n")
  }

  /** A line of the answer to a command. */
  line(text: string): void {
    this.newline()
    this.write(`${text}\n`)
  }

  /** A line about the conversation. */
  note(text: string): void {
    this.#clear()
    // Not in a pipe: there the notes are elsewhere, and a line break would be a change of the answer.
    if (this.terminal) this.newline()
    this.#notes.write(`${this.terminal ? dim(text) : text}\n`)
  }

  #clear(): void {
    const hide = this.#hide
    this.#hide = () => {}
    hide()
  }
}
