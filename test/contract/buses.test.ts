// The bus contract for every kind of bus there is.
import { openMemoryBus } from "../../src/bus/memory.ts"
import { openNatsBus } from "../../src/bus/nats.ts"
import { silentLog } from "../../src/log.ts"
import { natsServer, startNats } from "../support/nats.ts"
import { until } from "../support/until.ts"
import { registerBusContract } from "./bus.contract.ts"

registerBusContract("memory", {
  async make() {
    const bus = openMemoryBus()
    return { bus, [Symbol.asyncDispose]: () => bus.close() }
  },
})

registerBusContract("nats", {
  missing: natsServer === undefined ? "nats-server is not on this machine" : undefined,
  async make() {
    const server = await startNats()
    const bus = openNatsBus({ url: server.url, name: "test", log: silentLog })
    await until(() => bus.connected, "the bus to be connected")
    return {
      bus,
      async [Symbol.asyncDispose]() {
        await bus.close()
        await server[Symbol.asyncDispose]()
      },
    }
  },
})

registerBusContract("nats, without its server", {
  async make() {
    const bus = openNatsBus({ url: "nats://127.0.0.1:9", name: "test", log: silentLog })
    return { bus, [Symbol.asyncDispose]: () => bus.close() }
  },
})
