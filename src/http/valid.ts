// zod-validator that throws: every fault takes the one way through onError, and AppType knows of good answers only.
import { zValidator } from "@hono/zod-validator"
import type { Context, ValidationTargets } from "hono"
import { z } from "zod"
import { ChatError } from "../errors.ts"
import { problemFor } from "../language/problem.ts"

/** Checks one part of a request. Throws `bad_request` with the first fault, in the caller's language where zod speaks it. */
export function valid<T extends z.ZodType, Target extends keyof ValidationTargets>(target: Target, schema: T) {
  return zValidator(target, schema, (result, c: Context) => {
    if (result.success) return
    if (target === "json" && !isJson(c)) {
      throw new ChatError("bad_request", { params: { problem: "Content-Type: application/json" } })
    }
    const error = new z.ZodError(result.error.issues)
    const problem = problemFor(c.var.language, schema, result.data, error)
    throw new ChatError("bad_request", { params: { problem } })
  })
}

function isJson(c: Context): boolean {
  return /^application\/json *(;|$)/i.test(c.req.header("Content-Type") ?? "")
}
