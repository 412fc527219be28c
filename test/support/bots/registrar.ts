// Asks for a file, and says what is in it: as a plug-in module.
import { z } from "zod"
import { defineHandler } from "../../../src/handlers/handler.ts"

export default defineHandler({
  name: "registrar",
  description: "asks for a paper and reads it",
  options: z.strictObject({}),
  async *run({ message, files }) {
    if (message.kind !== "input") {
      yield { type: "question", prompt: "Your paper, please", fields: [{ type: "file", key: "paper" }] }
      return
    }
    for (const part of message.parts) {
      if (part.type === "file" && part.file_id) yield { type: "text", text: String(await files.text(part.file_id)) }
    }
  },
})
