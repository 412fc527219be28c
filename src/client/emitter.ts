// Typed listeners.

type Arguments<M> = { [K in keyof M]: readonly unknown[] }

export class Emitter<M extends Arguments<M>> {
  readonly #listeners: { [K in keyof M]?: Set<(...args: M[K]) => void> } = {}

  /** Calls `listener` at each event of that type until the returned function is called or `signal` aborts. */
  on<K extends keyof M>(type: K, listener: (...args: M[K]) => void, signal?: AbortSignal): () => void {
    if (signal?.aborted) return () => {}
    // A function of its own, so that the same listener added twice is two, and each can be taken away alone.
    const own = (...args: M[K]) => listener(...args)
    const listeners = this.#listeners[type] ?? new Set()
    this.#listeners[type] = listeners
    listeners.add(own)
    const off = () => {
      listeners.delete(own)
      signal?.removeEventListener("abort", off)
    }
    signal?.addEventListener("abort", off, { once: true })
    return off
  }

  emit<K extends keyof M>(type: K, ...args: M[K]): void {
    for (const listener of [...(this.#listeners[type] ?? [])]) {
      try {
        listener(...args)
      } catch (error) {
        // A fault of the application must be seen, but must not keep the client from reading on.
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
}
