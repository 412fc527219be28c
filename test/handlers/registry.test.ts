import { expect, test } from "bun:test"
import { z } from "zod"
import { ConfigError } from "../../src/config.ts"
import { defineHandler } from "../../src/handlers/handler.ts"
import { createRegistry } from "../../src/handlers/registry.ts"
import { Config } from "../../src/settings.ts"
import { collect, context, joined } from "./context.ts"

const service = { base_url: "https://model.test/v1", api_key: "sk-1", name: "big" }

const scripted = defineHandler({
  name: "scripted",
  description: "For tests.",
  options: z.strictObject({ pace: z.number().default(1) }),
  async *run() {
    yield { type: "text", text: "as told" }
  },
})

function registryOf(config: z.input<typeof Config>) {
  return createRegistry(Config.parse(config), { scripted })
}

async function faultsOf(config: z.input<typeof Config>): Promise<readonly string[]> {
  try {
    await registryOf(config)
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
  return []
}

test("without flows and without a model, every NORMAL flow goes to the echo, slow enough to be seen", async () => {
  const registry = await registryOf({})
  expect(registry.pick("anything", "NORMAL")).toMatchObject({ handler: { name: "echo" }, options: { delay_ms: 15 } })
  expect(registry.pick("anything", "WORKFLOW")).toBeUndefined()
})

test("without flows but with a model, every NORMAL flow goes to the model", async () => {
  const registry = await registryOf({ model: service })
  expect(registry.pick("anything", "NORMAL")).toMatchObject({
    handler: { name: "model" },
    options: { base_url: service.base_url, api_key: "sk-1", model: "big", first_token_timeout_s: 60 },
  })
})

test("the first flow that fits is taken: equal, or with the beginning before the *", async () => {
  const registry = await registryOf({
    flows: [
      { flow_id: "sales", handler: "scripted", options: { pace: 2 } },
      { flow_id: "sales-*", handler: "scripted", options: { pace: 3 } },
      { flow_id: "sales-*", chat_type: "WORKFLOW", handler: "scripted", options: { pace: 4 } },
      { flow_id: "*", handler: "echo" },
    ],
  })
  const pick = (flowId: string, type: "NORMAL" | "WORKFLOW") => registry.pick(flowId, type)?.options
  expect(pick("sales", "NORMAL")).toEqual({ pace: 2 })
  expect(pick("sales-asia", "NORMAL")).toEqual({ pace: 3 })
  expect(pick("sales-asia", "WORKFLOW")).toEqual({ pace: 4 })
  expect(pick("sale", "NORMAL")).toEqual({ delay_ms: 0, max_pieces: 100 })
  expect(pick("sale", "WORKFLOW")).toBeUndefined()
})

test("the list shows the routes without their options, which may hold secrets", async () => {
  const registry = await registryOf({ model: service, flows: [{ handler: "model" }] })
  expect(registry.list()).toEqual([
    { flow_id: "*", chat_type: "NORMAL", handler: "model", description: expect.any(String) },
  ])
})

test("a flow with the model handler takes from the configuration's model what it does not say itself", async () => {
  const registry = await registryOf({
    model: service,
    flows: [
      { flow_id: "same", handler: "model", options: { base_url: "https://model.test/v1/", model: "small" } },
      { flow_id: "other", handler: "model", options: { base_url: "https://other.test/v1" } },
    ],
  })
  expect(registry.pick("same", "NORMAL")?.options).toMatchObject({ model: "small", api_key: "sk-1" })
  const other = registry.pick("other", "NORMAL")?.options
  expect(other).toMatchObject({ base_url: "https://other.test/v1", model: "default" })
  expect(other).not.toHaveProperty("api_key")
})

test("every fault is named at once, with its flow and option", async () => {
  const faults = await faultsOf({
    flows: [
      { flow_id: "a", handler: "nobody-has-this" },
      { flow_id: "b", handler: "model", options: { temperature: 9, speed: 1 } },
      { flow_id: "c", handler: "scripted", options: { pace: "fast" } },
      { flow_id: "c", handler: "echo" },
    ],
  })
  expect(faults).toEqual([
    "flows.0.handler: there is no handler, module or package 'nobody-has-this'; handlers are echo, model, scripted",
    expect.stringMatching(/^flows\.1\.options\.base_url \(flow 'b', handler 'model'\): .*MODEL_BASE_URL/),
    expect.stringMatching(/^flows\.1\.options\.temperature .*2/),
    expect.stringMatching(/^flows\.1\.options \(flow 'b', handler 'model'\): .*speed/),
    expect.stringMatching(/^flows\.2\.options\.pace .*number/),
    "flows.3: is never reached, since flows.2 takes 'c' first",
  ])
})

test("names of every object are not handlers", async () => {
  expect(await faultsOf({ flows: [{ handler: "constructor" }] })).toHaveLength(1)
})

test("a handler is loaded from a module by its path, and its options are checked", async () => {
  const handler = "./test/handlers/modules/parrot.ts"
  const registry = await registryOf({ flows: [{ handler, options: { word: "hello" } }] })
  const route = registry.pick("default", "NORMAL")
  if (!route) throw new Error("no route")
  expect(route.handler.name).toBe("parrot")
  const { events } = await collect(route.handler.run(context({ options: route.options })))
  expect(joined(events)).toBe("hello")
  expect(await faultsOf({ flows: [{ handler }] })).toEqual([expect.stringContaining("flows.0.options.word")])
})

test("a module that is missing, fails or is no handler is named with its problem", async () => {
  const faults = await faultsOf({
    flows: [
      { flow_id: "a", handler: "./test/handlers/modules/missing.ts" },
      { flow_id: "b", handler: "./test/handlers/modules/throws.ts" },
      { flow_id: "c", handler: "./test/handlers/modules/not-a-handler.ts" },
      { flow_id: "d", handler: "jose" },
    ],
  })
  expect(faults).toEqual([
    expect.stringContaining("there is no handler, module or package './test/handlers/modules/missing.ts'"),
    "flows.1.handler: './test/handlers/modules/throws.ts' cannot be loaded: no licence",
    "flows.2.handler: the default export of './test/handlers/modules/not-a-handler.ts' is not a handler: options must be a zod schema; run must be a function",
    "flows.3.handler: 'jose' has no default export; it must be a handler",
  ])
})
