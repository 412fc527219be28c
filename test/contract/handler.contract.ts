// The checks that a plug-in's author runs (src/handlers/check), as tests: each with everything made anew.
import { describe, test } from "bun:test"
import { type Check, checks, closes } from "../../src/handlers/check/checks.ts"
import type { Services } from "../../src/handlers/check/context.ts"
import type { Handler } from "../../src/handlers/handler.ts"
import { noServices } from "../handlers/context.ts"

export interface HandlerSubject extends AsyncDisposable {
  readonly handler: Handler
  /** For a run that repeats what the person says somewhere in its answer, in no time. */
  readonly options: unknown
  /** For a run that goes on for much longer than a stop may take, with its first event at once. */
  readonly endless: unknown
  /** For a run that ends with a question, if it can. */
  readonly asking?: unknown
  /** False: it cannot be made to repeat what the person says. */
  readonly repeats?: false
  readonly services?: Services
  /** Resolves when nothing that a run started is still going on elsewhere. */
  quiet?(): Promise<void>
}

export interface HandlerContract {
  /** Everything a test needs, with nothing of an earlier test in it. */
  make(): Promise<HandlerSubject>
}

/** Registers the suite for one handler. */
export function registerHandlerContract(name: string, { make }: HandlerContract): void {
  const tried = async ({ run }: Check) => {
    await using subject = await make()
    const { handler, options, endless, asking, repeats = true, services = noServices } = subject
    const quiet = subject.quiet ? { quiet: () => subject.quiet?.() ?? Promise.resolve() } : {}
    await run({ handler, options, endless, asking, repeats, services, patience_ms: 10_000, ...quiet })
  }
  describe(name, () => {
    for (const check of [...checks, closes]) test(check.name, () => tried(check))
  })
}
