// A handler that says it can go on after a crash is run again from each of its checkpoints, as another instance would.
import { newId } from "../../ids.ts"
import type { HandlerEvent } from "../handler.ts"
import { joined } from "./context.ts"
import { finished, must, mustBeEvents, type Subject } from "./trial.ts"

export async function resumes(subject: Subject): Promise<string | undefined> {
  if (!subject.handler.resumable) return "it is not resumable"
  // What a run has kept under its turn is there for the next one.
  const turn_id = newId("turn")
  const { events } = await finished(subject, "Hello", { turn_id })
  const whole = joined(events)
  // What a model says differs each time; then only that it goes on can be tried.
  const repeatable = joined((await finished(subject, "Hello")).events) === whole
  const crashes = [{ after: 0, checkpoint: null }, ...checkpointsOf(events)]
  for (const { after, checkpoint } of crashes) {
    const resuming = after > 0
    const rest = await finished(subject, "Hello", { turn_id, checkpoint, resuming, attempt: 2 })
    mustBeEvents(rest.events)
    const together = joined(events.slice(0, after)) + joined(rest.events)
    const which = resuming ? `from the checkpoint after event ${after}` : "from the start"
    must(!repeatable || together === whole, `run on ${which} it says '${together}' instead of '${whole}'`)
  }
  return crashes.length === 1 ? "it yields no checkpoint; begun anew it works" : undefined
}

function checkpointsOf(events: readonly HandlerEvent[]): { after: number; checkpoint: unknown }[] {
  return events.flatMap((event, index) =>
    event.type === "checkpoint" ? [{ after: index + 1, checkpoint: event.checkpoint }] : [],
  )
}
