// One piece of work of the fake's Linsight: its tasks are rows, its events a queue out of which whoever listens takes them away.

export interface TaskRow {
  readonly id: string
  readonly session_version_id: string
  readonly parent_task_id: string | null
  readonly task_data: object | null
  readonly name?: string
  status: string
  result: object | null
  history: Record<string, unknown>[]
}

export interface VersionRow {
  readonly id: string
  readonly session_id: string
  readonly user_id: number
  readonly question: string
  title: string | null
  status: string
  output_result: object | null
  update_time: string
}

export type LinsightScript = (run: LinsightRun) => Promise<void>

interface StepOf {
  readonly call_id: string
  readonly name: string
  readonly step_type?: string
  readonly status?: "start" | "end"
  readonly params?: unknown
  readonly output?: string | null
}

const final = new Set(["error_message", "task_terminated", "final_result"])

export class LinsightRun {
  readonly row: VersionRow
  readonly tasks = new Map<string, TaskRow>()
  readonly events: { event_type: string; data: object }[] = []
  /** What the person said last: the question, or what it went on with. */
  said: string
  round = 0
  /** In line behind others; null: not any more. */
  place: number | null = null
  readonly #changed: () => void
  #answered: ((answer: string) => void) | undefined
  #writes = 0

  constructor(session_id: string, question: string, changed: () => void) {
    this.said = question
    this.#changed = changed
    this.row = {
      ...{ id: crypto.randomUUID().replaceAll("-", ""), session_id, user_id: 1, question },
      ...{ title: null, status: "not_started", output_result: null, update_time: "" },
    }
    this.#write({})
  }

  get working(): boolean {
    return this.row.status === "in_progress"
  }

  static ends(event_type: string): boolean {
    return final.has(event_type)
  }

  /** Begins a round of the script. */
  begin(script: LinsightScript, said: string): void {
    this.said = said
    this.round += 1
    this.#write({ status: "in_progress" })
    void script(this)
  }

  generate(tasks: readonly { id: string; name: string; parent?: string }[]): void {
    for (const { id, name, parent } of tasks) {
      const about = { id, session_version_id: this.row.id, parent_task_id: parent ?? null }
      this.tasks.set(id, { ...about, task_data: { name }, status: "not_started", result: null, history: [] })
    }
    this.push("task_generate", {
      tasks: [...this.tasks.values()].filter(({ id }) => tasks.some((task) => task.id === id)),
    })
  }

  start(id: string): void {
    this.push("task_start", this.#task(id, { status: "in_progress" }))
  }

  update(id: string, status: string): void {
    this.push("task_status_update", this.#task(id, { status }))
  }

  end(id: string, answer: string, status = "success"): void {
    this.push("task_end", this.#task(id, { status, result: { answer } }))
  }

  /** Kept with its task, one entry for each call: the end takes the place of the start, thoughts grow. */
  step(
    task_id: string,
    { call_id, name, step_type = "tool_call", status = "start", params = {}, output = null }: StepOf,
  ): void {
    const step = {
      task_id,
      timestamp: 1.5,
      call_id,
      call_reason: "",
      name,
      params,
      output,
      step_type,
      status,
      extra_info: {},
    }
    const history: TaskRow["history"] = this.tasks.get(task_id)?.history ?? []
    const at = history.findIndex((entry) => entry.call_id === call_id)
    const before = at >= 0 && step_type === "thinking" ? String(history[at]?.output ?? "") : ""
    const entry = { ...step, output: before ? before + (output ?? "") : output }
    if (at >= 0) history[at] = entry
    else history.push(entry)
    this.push("task_execute_step", step)
  }

  think(task_id: string, call_id: string, output: string): void {
    this.step(task_id, { call_id, name: "thinking", step_type: "thinking", status: "end", output })
  }

  /** Parks until the person answers. */
  ask(task_id: string, call_reason: string): Promise<string> {
    const asks = { task_id, timestamp: 2, call_reason, params: null, step_type: "call_user_input" }
    this.tasks.get(task_id)?.history.push({ ...asks, files: null, user_input: null, is_completed: false })
    this.#task(task_id, { status: "waiting_for_user_input" })
    this.push("user_input", asks)
    return new Promise((resolve) => {
      this.#answered = resolve
    })
  }

  /** The person's answer; false: nothing was asked there. */
  take(task_id: string, user_input: string, files: unknown): boolean {
    const task = this.tasks.get(task_id)
    const asked = task?.history.at(-1)
    if (task?.status !== "waiting_for_user_input" || asked?.step_type !== "call_user_input") return false
    Object.assign(asked, { user_input, files, is_completed: true })
    this.push("user_input_completed", this.#task(task_id, { status: "user_input_completed" }))
    this.#answered?.(user_input)
    return true
  }

  finish(answer: string, final_files: readonly object[] = []): void {
    this.#write({ status: "completed", output_result: { answer, final_files } })
    this.push("final_result", this.row)
  }

  fail(error: string): void {
    this.#write({ status: "failed" })
    this.push("error_message", { error, error_code: 11140, error_type: "run", detail: null })
  }

  terminate(): void {
    this.#write({ status: "terminated" })
    this.push("task_terminated", { message: "stopped", session_id: this.row.id, terminated_at: "2026-11-22T00:00:00" })
  }

  /** What comes of a run that was terminated comes to nothing. */
  push(event_type: string, data: object): void {
    if (this.row.status === "terminated" && event_type !== "task_terminated") return
    this.events.push({ event_type, data: structuredClone(data) })
    this.#changed()
  }

  #task(id: string, change: Partial<TaskRow>): object {
    const task = this.tasks.get(id)
    return task ? Object.assign(task, change) : { id, session_version_id: this.row.id, ...change }
  }

  #write(change: Partial<VersionRow>): void {
    if (this.row.status === "terminated") return
    this.#writes += 1
    Object.assign(this.row, change, { update_time: `2026-11-22T00:00:${String(this.#writes).padStart(2, "0")}` })
    this.#changed()
  }
}
