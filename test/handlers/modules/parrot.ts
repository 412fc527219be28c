// A handler that is loaded by its path.
import { z } from "zod"
import { defineHandler } from "../../../src/handlers/handler.ts"

export default defineHandler({
  name: "parrot",
  description: "Says one word.",
  options: z.strictObject({ word: z.string().min(1) }),
  async *run({ options }) {
    yield { type: "text", text: options.word }
  },
})
