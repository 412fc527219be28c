// bun run bench [--json] [name...]: measures the service beside its peers and its limit in the same run; a table for
// people, JSON for machines. Ratios are what counts: machines differ, and the load comes from the same cores.
import { cpus, loadavg } from "node:os"
import { join } from "node:path"
import { measures } from "./measure.ts"
import { type Judged, judge, type Row, tableOf } from "./table.ts"

const words = Bun.argv.slice(2)
const asked = words.filter((word) => !word.startsWith("--"))
const unknown = asked.filter((name) => !(name in measures))
if (unknown.length > 0) {
  process.stderr.write(`there is no ${unknown.join(", ")}; measures are ${Object.keys(measures).join(", ")}\n`)
  process.exit(1)
}

const json = words.includes("--json")
const machine = { bun: Bun.version, platform: `${process.platform}-${process.arch}`, cores: cpus().length }
const results: { name: string; load: number; rows: Judged[] }[] = []
for (const name of asked.length > 0 ? asked : Object.keys(measures)) {
  // What the machine was busy with before: a figure that was taken under load says little.
  const load = loadavg()[0] ?? 0
  const rows = (await run(name)).map(judge)
  results.push({ name, load, rows })
  if (!json) process.stdout.write(`\n${tableOf(rows)}(load of the machine before: ${load.toFixed(2)})\n`)
}
const missed = results.flatMap(({ rows }) => rows).filter(({ met }) => met === false)
if (json) process.stdout.write(`${JSON.stringify({ ...machine, results }, null, 2)}\n`)
else
  process.stdout.write(`\n${missed.length === 0 ? "All targets are met." : `${missed.length} targets are missed.`}\n`)

async function run(name: string): Promise<Row[]> {
  const { promise, resolve } = Promise.withResolvers<Row[]>()
  // 10,000 sockets are as many open files.
  const limit = 'ulimit -n "$(ulimit -H -n)"; exec "$0" "$@"'
  const child = Bun.spawn(["sh", "-c", limit, process.execPath, join(import.meta.dir, "measure.ts"), name], {
    stdio: ["ignore", "inherit", "inherit"],
    ipc: resolve,
    // What hangs is a result as well.
    timeout: 180_000,
  })
  const failed = child.exited.then((code): Row[] => [
    { measure: name, what: name, value: null, unit: "", note: `failed with ${code}` },
  ])
  return Promise.race([promise, failed])
}
