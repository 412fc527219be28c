// A server under measurement: starts it, asks it over IPC, ends it.
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

export interface Usage {
  readonly cpu_us: number
  readonly rss: number
}

export interface Measured extends AsyncDisposable {
  readonly url: string
  readonly token: string
  usage(): Promise<Usage>
  /** Publishes `count` texts to everybody; resolves when the last one left. */
  speak(count: number, text: string): Promise<void>
}

export async function startMeasured(file: string, env: Record<string, string> = {}): Promise<Measured> {
  const folder = await mkdtemp(join(tmpdir(), "bisheng-chat-bench-"))
  let answer = Promise.withResolvers<unknown>()
  const child = Bun.spawn([process.execPath, join(import.meta.dir, file)], {
    env: { ...Bun.env, DATA_DIR: folder, PORT: "0", ...env },
    stdio: ["ignore", "inherit", "inherit"],
    ipc: (message) => answer.resolve(message),
  })
  const ask = async <T>(request: unknown): Promise<T> => {
    answer = Promise.withResolvers()
    child.send(request)
    return (await answer.promise) as T
  }
  const { url, token } = (await answer.promise) as { url: string; token: string }
  return {
    url,
    token,
    usage: () => ask<Usage>("usage"),
    speak: async (speak, text) => void (await ask({ speak, text })),
    async [Symbol.asyncDispose]() {
      child.send("stop")
      await child.exited
      await rm(folder, { recursive: true, force: true })
    },
  }
}
