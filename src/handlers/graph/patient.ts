// Checkpoints that wait for the database: while it is away a graph stands still, and goes on when it is back.
import { type Clock, delay } from "../../clock.ts"
import { ChatError } from "../../errors.ts"
import type { GraphCheckpoints } from "../graph-checkpoints.ts"

const first = 100
const longest = 2000

export interface Patience {
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Milliseconds. */
  readonly patience: number
}

export function patientCheckpoints(graphs: GraphCheckpoints, patience: Patience): GraphCheckpoints {
  const patiently = <T>(act: () => Promise<T>) => untilThere(act, patience)
  return {
    find: (...given) => patiently(() => graphs.find(...given)),
    list: (...given) => patiently(() => graphs.list(...given)),
    writesTo: (...given) => patiently(() => graphs.writesTo(...given)),
    put: (...given) => patiently(() => graphs.put(...given)),
    putWrites: (...given) => patiently(() => graphs.putWrites(...given)),
    copyThread: (...given) => patiently(() => graphs.copyThread(...given)),
    deleteThread: (...given) => patiently(() => graphs.deleteThread(...given)),
  }
}

/** Every verb may be repeated, so it does no harm that nobody knows what became of the first try. */
async function untilThere<T>(act: () => Promise<T>, { clock, signal, patience }: Patience): Promise<T> {
  const until = clock.now() + patience
  for (let pause = first; ; pause = Math.min(pause * 2, longest)) {
    try {
      return await act()
    } catch (error) {
      const away = ChatError.within(error)?.code === "store_unavailable"
      if (!away || signal.aborted || clock.now() + pause > until) throw error
      await delay(clock, pause, signal)
    }
  }
}
