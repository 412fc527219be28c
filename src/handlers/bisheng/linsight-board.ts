// What of Linsight's work was told already: each task, call and thought becomes an event of ours once, whichever way it comes.
import { Json } from "../../protocol/ids.ts"
import type { HandlerEvent } from "../handler.ts"
import { fit } from "../well-formed.ts"
import type { LinsightStep, LinsightTask } from "./linsight-event.ts"

/** How much of each task's history earlier turns told. */
export type Told = Readonly<Record<string, { readonly seen: number; readonly over: boolean }>>

const states: Readonly<Record<string, "completed" | "failed">> = {
  success: "completed",
  completed: "completed",
  failed: "failed",
  terminated: "failed",
}

export class LinsightBoard {
  /** Has the same id as what stands for the work as a whole: no task to be shown. */
  readonly #whole: string
  readonly #before: Told
  readonly #tasks = new Map<string, string>()
  readonly #calls = new Map<string, string>()
  /** Thoughts that REST told as a whole; the socket's pieces of them come too late. */
  readonly #thoughts = new Map<string, "whole" | "pieces">()

  constructor(session_version_id: string, before: Told) {
    this.#whole = session_version_id
    this.#before = before
  }

  /** Rows as REST has them, with all that happened. */
  *rows(tasks: readonly LinsightTask[]): Generator<HandlerEvent> {
    for (const task of tasks) {
      yield* this.task(task)
      const told = this.#before[task.id]
      for (const [index, step] of (task.history ?? []).entries()) {
        const events = [...this.step({ ...step, task_id: step.task_id ?? task.id }, true)]
        if (told === undefined || index >= told.seen) yield* events
      }
    }
  }

  *task({ id, parent_task_id, status = "", result, name, task_data }: LinsightTask): Generator<HandlerEvent> {
    if (id === this.#whole) return
    const called = name ?? task_data?.name ?? task_data?.display_target ?? task_data?.target ?? task_data?.content
    const known = this.#tasks.get(id)
    // An event about a task may leave its name out.
    const words = called ?? (known === undefined ? undefined : (JSON.parse(known) as [string])[0])
    const answer = result?.answer
    const now = JSON.stringify([words ?? id, status, answer])
    if (known === now || (known && isOver(known) && !states[status])) return
    this.#tasks.set(id, now)
    // Told by an earlier turn, and nothing has happened since.
    if (known === undefined && this.#before[id]?.over && states[status]) return
    const detail = Json.safeParse({ status, ...(answer ? { answer } : {}) }).data
    yield {
      type: "step",
      step: {
        step_id: fit(id, 128),
        name: fit(words ?? id, 256) || id,
        state: states[status] ?? "running",
        ...(detail === undefined ? {} : { detail }),
        ...this.#parent(parent_task_id),
      },
    }
  }

  *step(step: LinsightStep, whole = false): Generator<HandlerEvent> {
    const { step_type, task_id = "", name = step_type ?? "step" } = step
    if (step_type === "call_user_input") return
    const id = fit(step.call_id ?? `${task_id}:${name}:${String(step.timestamp)}`, 128)
    if (step_type === "thinking") {
      const seen = this.#thoughts.get(id)
      if (seen === "whole" || (whole && seen)) return
      this.#thoughts.set(id, whole ? "whole" : "pieces")
      if (typeof step.output === "string" && step.output) {
        yield { type: "reasoning", text: step.output.replaceAll("\0", "").toWellFormed() }
      }
      return
    }
    const state = step.status === "start" ? "running" : "completed"
    const before = this.#calls.get(id)
    if (before === state || before === "completed") return
    this.#calls.set(id, state)
    const input = Json.safeParse(step.params ?? undefined).data
    const output = Json.safeParse(step.output ?? undefined).data
    yield {
      type: "tool",
      tool: {
        ...{ tool_call_id: id, name: fit(name, 128) || "step", state },
        ...(input === undefined ? {} : { input }),
        ...(output === undefined ? {} : { output }),
        ...this.#parent(task_id),
      },
    }
  }

  #parent(id: string | undefined): { parent_id?: string } {
    return id && id !== this.#whole ? { parent_id: fit(id, 128) } : {}
  }
}

function isOver(known: string): boolean {
  const [, status = ""] = JSON.parse(known) as [string, string]
  return states[status] !== undefined
}

/** What the person is asked, if the work waits for that. */
export function askedBy(tasks: readonly LinsightTask[]): LinsightStep | undefined {
  for (const { id, status, history } of tasks) {
    const last = history?.findLast(({ step_type }) => step_type === "call_user_input")
    if (status === "waiting_for_user_input" && last && !last.is_completed)
      return { ...last, task_id: last.task_id ?? id }
  }
  return undefined
}

/** How much there is now: the next turn tells what comes after it. */
export function toldBy(tasks: readonly LinsightTask[]): Told {
  return Object.fromEntries(
    tasks.map(({ id, history, status }) => [
      id,
      { seen: history?.length ?? 0, over: states[status ?? ""] !== undefined },
    ]),
  )
}
