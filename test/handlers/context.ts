// Contexts for handlers, complete and overridable, for tests that need neither files nor graphs.

import { contextWith, type Given, type Services } from "../../src/handlers/check/context.ts"
import type { GraphCheckpoints } from "../../src/handlers/graph-checkpoints.ts"
import type { HandlerContext } from "../../src/handlers/handler.ts"
import { noFiles } from "../support/no-files.ts"

export { collect, exchange, type Given, joined, message, type Run, session } from "../../src/handlers/check/context.ts"

const none = () => Promise.reject(new Error("this test keeps no graphs"))
const noGraphs: GraphCheckpoints = {
  ...{ find: none, list: none, writesTo: none },
  ...{ put: none, putWrites: none, copyThread: none, deleteThread: none },
}

export const noServices: Services = { files: noFiles, graphs: noGraphs }

/** Everything a handler is given, on the real clock and never stopped unless said otherwise. */
export function context<Options>(given: Given<Options>): HandlerContext<Options> {
  return contextWith(noServices, given)
}
