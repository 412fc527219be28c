// Large reads from a replica near by (DESIGN: storage topology). It follows the primary some milliseconds behind, so what is
// read there counts only when the session's row, read with it, has come as far as the caller must see: whatever changes
// the log or a message of a chat takes the next `seq` in the same commit.
import { type Client, createClient } from "@libsql/client"
import { eq } from "drizzle-orm"
import type { RunnableQuery } from "drizzle-orm/runnable-query"
import type { Clock } from "../clock.ts"
import type { Log } from "../log.ts"
import { type Orm, ormOf } from "./orm.ts"
import { sessions } from "./schema.ts"

export type Query<T> = RunnableQuery<T, "sqlite"> & PromiseLike<T>

export interface ReplicaOptions {
  readonly url: string
  readonly auth_token: string | undefined
  readonly clock: Clock
  readonly log: Log
}

/** What was read, and the place in the log as of which that is so. */
export interface AsOf<T> {
  readonly last_seq: number
  readonly rows: T
}

/** Longer than a page takes from near by; the primary is asked after it. */
const patience_ms = 500
/** A replica that failed is left alone for so long: not every reader should have to wait for it. */
const rest_ms = 5000

export class Replica {
  readonly #client: Client
  readonly #orm: Orm
  readonly #clock: Clock
  readonly #log: Log
  #restsUntil = 0

  constructor({ url, auth_token, clock, log }: ReplicaOptions) {
    this.#client = createClient({
      url,
      ...(auth_token === undefined ? {} : { authToken: auth_token }),
      fetch: (request: Request) => fetch(request, { signal: AbortSignal.timeout(patience_ms) }),
    })
    this.#orm = ormOf(this.#client)
    this.#clock = clock
    this.#log = log
  }

  /** Undefined: it is behind `reaches`, or away, or slow; the primary knows. Never rejects. */
  async read<T>(session_id: string, reaches: number, query: (orm: Orm) => Query<T>): Promise<AsOf<T> | undefined> {
    if (this.#clock.now() < this.#restsUntil) return undefined
    try {
      const { last_seq, rows } = await this.#within(this.#batch(session_id, query))
      return last_seq !== undefined && last_seq >= reaches ? { last_seq, rows } : undefined
    } catch (error) {
      if (this.#clock.now() >= this.#restsUntil) {
        this.#log.warn(
          { err: error, rest_ms },
          "the replica of the database did not answer: the primary is read instead",
        )
      }
      this.#restsUntil = this.#clock.now() + rest_ms
      return undefined
    }
  }

  close(): void {
    this.#client.close()
  }

  async #batch<T>(session_id: string, query: (orm: Orm) => Query<T>): Promise<{ last_seq?: number; rows: T }> {
    const place = this.#orm.select({ last_seq: sessions.last_seq }).from(sessions).where(eq(sessions.id, session_id))
    const [session, rows] = await this.#orm.batch([place.limit(1), query(this.#orm)])
    return { ...session[0], rows }
  }

  /** The request has its own deadline, but the client sends only some at a time: the others wait in line before it. */
  #within<T>(reading: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(patience_ms, () => reject(new Error(`no answer in ${patience_ms} ms`)))
      reading.finally(cancel).then(resolve, reject)
    })
  }
}
