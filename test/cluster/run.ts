// bun run cluster [--instances N]: the service as it runs when it is large, on this machine: a libSQL server with a replica,
// NATS where it is installed, and several instances. Ctrl-C ends all of it and leaves nothing behind.
import { parseArgs } from "node:util"
import { startCluster } from "../support/cluster.ts"
import { noSqld } from "../support/sqld.ts"

const { values } = parseArgs({ options: { instances: { type: "string", default: "3" } } })
const instances = Number(values.instances)
if (!Number.isInteger(instances) || instances < 1 || instances > 20) leave("--instances must be a number from 1 to 20")
if (noSqld) leave(`several instances need a libSQL server, and ${noSqld}`)

const asked = Promise.withResolvers<void>()
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => asked.resolve())

const started = startCluster({ instances })
// Asked to end while it starts, it first gets that far: then everything is known that has to be ended.
await using cluster = await started
const { primary, replica, bus, members } = cluster
const token = await cluster.token(1, 86_400)
const [first, second = first] = members.map(({ url }) => url)
const addresses = members.map(({ url, number }) => `  instance ${number + 1}   ${url}   (REST: ${url}/docs)`)

process.stdout.write(`
bisheng-chat runs on ${instances} instances

${addresses.join("\n")}
  store        ${primary.url}, replica ${replica.url}
  bus          ${bus ? bus.url : "none: nats-server is not on this machine; they hear of each other through the store"}

A token of user 1, for a day:

  ${token}

One chat on two instances; say something in one and see it in the other:

  bun run chat --url ${address(first)} --chat shared --token ${token}
  bun run chat --url ${address(second)} --chat shared --token ${token}

Ctrl-C ends all of it.
`)

await asked.promise
process.stdout.write("\nending\n")
for (const { process: service } of members) service.kill("SIGTERM")
await Promise.all(members.map(({ process: service }) => service.exited))

function address(url: string | undefined): string {
  return String(url).replace(/^http/, "ws")
}

function leave(why: string): never {
  process.stderr.write(`${why}\n`)
  process.exit(1)
}
