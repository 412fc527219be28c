import { expect, test } from "bun:test"
import { z } from "zod"
import { ConfigError } from "../../src/config.ts"
import { defineHandler } from "../../src/handlers/handler.ts"
import { createRegistry } from "../../src/handlers/registry.ts"
import { Config } from "../../src/settings.ts"
import { FakeClock } from "../support/clock.ts"
import { until } from "../support/until.ts"
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

test("without flows and without a model, every NORMAL flow goes to the echo, slow enough to be seen, every WORKFLOW one to the intake", async () => {
  const registry = await registryOf({})
  expect(registry.pick("anything", "NORMAL")).toMatchObject({ handler: { name: "echo" }, options: { delay_ms: 15 } })
  expect(registry.pick("anything", "WORKFLOW")).toMatchObject({
    handler: { name: "graph" },
    options: { graph: "intake" },
  })
  expect(registry.pick("anything", "LINSIGHT")).toBeUndefined()
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
    expect.stringMatching(
      /^flows\.0\.handler: there is no handler, .* 'nobody-has-this'; handlers are .*echo.* scripted$/,
    ),
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

const kinds = (flow_id: string, more: object = {}) => ({ flow_id, handler: "echo", ...more })

test("an entry for some kinds may stand before a general one, and takes those alone", async () => {
  const flows = [
    kinds("a", { kinds: ["file", "input"], options: { delay_ms: 1 } }),
    kinds("*", { options: { delay_ms: 2 } }),
  ]
  const registry = await createRegistry(Config.parse({ flows }))
  const picked = (["text", "file", "command", "input", undefined] as const).map(
    (kind) => registry.pick("a", "NORMAL", kind)?.options,
  )
  expect(picked).toMatchObject([2, 1, 2, 1, 1].map((delay_ms) => ({ delay_ms })))
})

test("what a person may not use is passed over, as if it were not there", async () => {
  const flows = [kinds("a", { allow: { users: [1], roles: ["admin"] }, options: { delay_ms: 1 } }), kinds("b")]
  const registry = await createRegistry(Config.parse({ flows }))
  const picks = (user_id: number, role: "user" | "admin") => registry.pick("a", "NORMAL", "text", { user_id, role })
  expect([picks(1, "user"), picks(2, "admin"), picks(2, "user")].map((route) => route !== undefined)).toEqual([
    ...[true, true, false],
  ])
  expect(registry.routesFor({ user_id: 2, role: "user" }).map(({ flow }) => flow.flow_id)).toEqual(["b"])
})

const hidden: [string, readonly object[], string | undefined][] = [
  [
    "the same kinds",
    [{ kinds: ["file", "text"] }, { kinds: ["text"] }],
    "flows.1: is never reached, since flows.0 takes",
  ],
  ["some other kind", [{ kinds: ["file"] }, { kinds: ["file", "text"] }], undefined],
  [
    "all kinds between them",
    [{ kinds: ["text", "file"] }, { kinds: ["command", "input"] }, {}],
    "flows.2: is never reached, since flows.0 and flows.1 take",
  ],
  ["fewer people", [{ allow: { roles: ["admin"] } }, {}], undefined],
  ["more people", [{}, { allow: { users: [1] } }], "flows.1: is never reached"],
  ["everybody by role", [{ allow: { roles: ["user", "admin"] } }, {}], "flows.1: is never reached"],
  ["these people and more", [{ allow: { users: [1, 2] } }, { allow: { users: [2] } }], "flows.1: is never reached"],
  ["other people", [{ allow: { users: [1] } }, { allow: { users: [2] } }], undefined],
  ["another chat type", [{}, { chat_type: "WORKFLOW" }], undefined],
]

test.each(hidden)("an entry behind one for %s", async (_, entries, fault) => {
  const faults = await faultsOf({ flows: entries.map((entry) => kinds("a", entry)) } as z.input<typeof Config>)
  expect(faults).toEqual(fault === undefined ? [] : [expect.stringContaining(fault)])
})

test("kinds and allow are checked: nobody, no kind, and what is none of either are faults", () => {
  for (const wrong of [
    { kinds: [] },
    { kinds: ["voice"] },
    { allow: {} },
    { allow: { roles: ["root"] } },
    { timeout_s: 0 },
  ])
    expect(Config.safeParse({ flows: [kinds("a", wrong)] }).success).toBe(false)
})

test("a module that never comes to its end does not hold up the start for ever", async () => {
  const clock = new FakeClock()
  const config = Config.parse({ flows: [{ handler: "./test/handlers/modules/never-loaded.ts" }] })
  const registry = createRegistry(config, {}, clock).catch((error: unknown) => error)
  await until(() => clock.waiting === 1, "the load")
  await clock.advance(30_000)
  expect(await registry).toMatchObject({
    faults: [expect.stringContaining("never-loaded.ts' cannot be loaded: it is not loaded after 30 s")],
  })
})
