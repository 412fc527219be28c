// The process that reads one file as text: the task is its argument, the file its input, what came of it its output.
import { setPriority } from "node:os"
import { ExtractTask } from "./extract-task.ts"
import { extractText } from "./extract-text.ts"

const task = ExtractTask.parse(JSON.parse(process.argv[2] ?? ""))
// A thread of its own: the one that reads may be busy without end.
new Worker(new URL("./extract-watch.ts", import.meta.url).href, { argv: [String(task.memory_bytes)] })
setPriority(10)
// Libraries tell their worries; the output is the answer's.
for (const name of ["log", "info", "warn", "error", "debug"] as const) console[name] = () => undefined

const answer = JSON.stringify(await extractText(Buffer.from(await Bun.stdin.arrayBuffer()), task))
await Bun.write(Bun.stdout, answer)
process.exit(0)
