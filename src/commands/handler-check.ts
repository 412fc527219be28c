// bun run handler-check ./my-bot.ts [options]: does a bot do what every bot must? One line for each check; exit code 1 when one fails.
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { z } from "zod"
import { systemClock } from "../clock.ts"
import { loadConfig } from "../config.ts"
import { speakToTheModel } from "../handlers/built-in.ts"
import { type Check, checks, closes } from "../handlers/check/checks.ts"
import { CheckFailure, type Subject, told } from "../handlers/check/trial.ts"
import { findHandler } from "../handlers/find.ts"
import type { Handler } from "../handlers/handler.ts"
import { checkOptions, withService } from "../handlers/options.ts"
import { silentLog } from "../log.ts"
import type { FlowConfig } from "../settings.ts"
import { migrateDatabase, openDatabase } from "../store/database.ts"
import { openGraphCheckpoints } from "../store/graph-checkpoints.ts"
import { filesInMemory } from "./handler-check/files.ts"
import { fail, UsageError } from "./start-up.ts"

const usage = `usage: bun run handler-check <module or name> [options] [--endless <options>] [--asking <options>] [--timeout <seconds>]
  options are JSON, or a file with JSON: --endless for a run that is to be stopped, --asking for one that ends with a question`

/** What went wrong beside every run, and would be nobody's. */
const strays: string[] = []
process.on("unhandledRejection", (error) => strays.push(`a promise was rejected and nobody looked: ${told(error)}`))
process.on("uncaughtException", (error) => strays.push(`something was thrown and nobody caught it: ${told(error)}`))

try {
  process.exit((await check(read(Bun.argv.slice(2)))) ? 0 : 1)
} catch (error) {
  fail(error)
}

type Options = FlowConfig["options"]

interface Asked {
  readonly name: string
  readonly options: string | undefined
  readonly endless: string | undefined
  readonly asking: string | undefined
  readonly timeout_s: number
}

/** True: it does everything that it must. */
async function check({ name, options, endless, asking, timeout_s }: Asked): Promise<boolean> {
  const found = await findHandler(name, systemClock)
  if ("problem" in found) return tell("FAIL", "it can be loaded", found.problem)
  const { handler } = found
  // As the service does for a flow that names it.
  const { model } = loadConfig()
  const read = (text: string, what: string) =>
    optionsOf(handler, what, (json) => (speakToTheModel.includes(name) ? withService(json, model) : json), text)
  const given = {
    options: await read(options ?? "{}", "options"),
    ...(endless === undefined ? {} : { endless: await read(endless, "--endless") }),
    ...(asking === undefined ? {} : { asking: await read(asking, "--asking") }),
  }
  const folder = await mkdtemp(join(tmpdir(), "bisheng-chat-check-"))
  const config = { data_dir: folder, database: { url: `file:${join(folder, "chat.db")}` } }
  const db = await openDatabase(config, { clock: systemClock, log: silentLog })
  try {
    await migrateDatabase(db)
    return await every({
      ...given,
      handler,
      repeats: false,
      services: { files: filesInMemory(), graphs: openGraphCheckpoints(db) },
      patience_ms: timeout_s * 1000,
    })
  } finally {
    await db.close()
    await rm(folder, { recursive: true, force: true })
  }
}

async function every(subject: Subject): Promise<boolean> {
  let good = true
  for (const one of [...checks, closes]) good = (await tried(one, subject)) && good
  const { name, description } = subject.handler
  process.stdout.write(
    good ? `\n'${name}' (${description}) keeps the contract\n` : `\n'${name}' does not keep the contract\n`,
  )
  return good
}

async function tried({ name, run }: Check, subject: Subject): Promise<boolean> {
  try {
    const skipped = await run(subject)
    // What it left behind shows in the next turn of the loop.
    await new Promise<void>((resolve) => systemClock.soon(resolve))
    const stray = strays.splice(0)
    if (stray.length > 0) return tell("FAIL", name, stray.join("; "))
    return skipped === undefined ? tell("ok", name) : tell("skip", name, skipped)
  } catch (error) {
    return tell("FAIL", name, error instanceof CheckFailure ? error.message : `it throws ${told(error)}`)
  }
}

function tell(verdict: "ok" | "skip" | "FAIL", name: string, why?: string): boolean {
  process.stdout.write(`${verdict.padEnd(4)}  ${name}${why === undefined ? "" : `: ${why}`}\n`)
  return verdict !== "FAIL"
}

async function optionsOf(
  handler: Handler,
  what: string,
  completed: (options: Options) => unknown,
  text: string,
): Promise<unknown> {
  const options = z.record(z.string(), z.json()).safeParse(await jsonOf(text, what))
  if (!options.success) throw new UsageError(`${what} must be a JSON object\n${usage}`)
  const checked = await checkOptions(handler, completed(options.data))
  if ("options" in checked) return checked.options
  const faults = checked.faults.map(({ path, problem }) => `${path}: ${problem}`).join("\n  ")
  throw new UsageError(`${what} are not what the handler takes:\n  ${faults}`)
}

async function jsonOf(given: string, what: string): Promise<unknown> {
  try {
    return JSON.parse(/^\s*\{/.test(given) ? given : await readFile(given, "utf8"))
  } catch (cause) {
    throw new UsageError(`${what} cannot be read: ${told(cause)}\n${usage}`)
  }
}

function read(args: string[]): Asked {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        endless: { type: "string" },
        asking: { type: "string" },
        timeout: { type: "string", default: "60" },
      },
    })
    const [name, options, ...more] = positionals
    const { endless, asking } = values
    const timeout_s = Number(values.timeout)
    if (name === undefined || more.length > 0) throw new Error("name one module")
    if (!(timeout_s > 0 && timeout_s <= 86_400)) throw new Error("--timeout must be a number of seconds")
    return { name, options, endless, asking, timeout_s }
  } catch (cause) {
    throw new UsageError(`${cause instanceof Error ? cause.message : String(cause)}\n${usage}`)
  }
}
