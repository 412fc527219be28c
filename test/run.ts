// bun run test: type check, lint, tests, and some chaos: a short run here, two minutes with CI set. The last line counts what
// ran; the exit code is 0 only when nothing failed, and with CI set, nothing was skipped either.
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const checks: Record<string, string[]> = {
  "type check": ["tsc", "-p", "."],
  lint: ["biome", "check", "--error-on-warnings", "."],
}

const only = Bun.argv.slice(2)
let passed = 0
let failed = 0
let skipped = 0

for (const [name, command] of Object.entries(checks)) {
  const { exitCode } = Bun.spawnSync([process.execPath, "x", "--no-install", ...command], {
    stdio: ["ignore", "inherit", "inherit"],
  })
  process.stdout.write(`${exitCode === 0 ? "(pass)" : "(fail)"} ${name}\n`)
  if (exitCode === 0) passed += 1
  else failed += 1
}

const folder = mkdtempSync(join(tmpdir(), "bisheng-chat-report-"))
const report = join(folder, "junit.xml")
// The time is given here: bunfig.toml's [test] timeout is not heeded (Bun 1.4.5).
const { exitCode } = Bun.spawnSync(
  [process.execPath, "test", "--timeout=20000", "--reporter=junit", `--reporter-outfile=${report}`, ...only],
  { stdio: ["ignore", "inherit", "inherit"] },
)
const root = /<testsuites\b[^>]*>/.exec(readFileSync(report, "utf8"))?.[0] ?? ""
rmSync(folder, { recursive: true })
const count = (name: string): number => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(root)?.[1] ?? 0)
const failures = count("failures")
skipped += count("skipped")
passed += count("tests") - failures - count("skipped")
// A file that does not load fails without a test of its own.
failed += exitCode !== 0 && failures === 0 ? 1 : failures

if (only.length === 0) chaos(Bun.env.CI ? 1.6 : 0.15)

// A newcomer may go without nats-server or sqld; where it is decided what lands, nobody may.
const incomplete = Boolean(Bun.env.CI) && skipped > 0
if (incomplete)
  process.stdout.write("\nskipped tests are a failure here: something that they need is not on this machine\n")

process.stdout.write(`\n${passed} passed, ${failed} failed, ${skipped} skipped\n`)
process.exit(failed === 0 && !incomplete ? 0 : 1)

/** Everything goes wrong for a while: one check, whatever it counts itself. */
function chaos(minutes: number): void {
  const { exitCode } = Bun.spawnSync(
    [process.execPath, join(import.meta.dir, "chaos/run.ts"), "--minutes", `${minutes}`],
    {
      stdio: ["ignore", "inherit", "inherit"],
    },
  )
  if (exitCode === 0) passed += 1
  else if (exitCode === 2) skipped += 1
  else failed += 1
  process.stdout.write(`${{ 0: "(pass)", 2: "(skip)" }[exitCode] ?? "(fail)"} chaos\n`)
}
