// The thread that files are read and written in, as a worker. Imports nothing, so that a start can begin with it.

let early: Worker | undefined

/** Begins with one before anybody needs it. */
export function startFileThread(): void {
  early ??= newWorker()
}

/** The one that was begun with, once; else a new one. */
export function fileWorker(): Worker {
  const worker = early ?? newWorker()
  early = undefined
  return worker
}

/** No file is going to be opened. */
export function endFileThread(): void {
  early?.terminate()
  early = undefined
}

function newWorker(): Worker {
  const worker = new Worker(new URL("./file-thread.ts", import.meta.url).href)
  // It keeps the process alive only for those who wait for it.
  worker.unref()
  return worker
}
