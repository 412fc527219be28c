import type { Config } from "drizzle-kit"

// `bun run generate` compares src/store/schema.ts with migrations/ and writes the next forward migration.
export default {
  dialect: "sqlite",
  schema: "./src/store/schema.ts",
  out: "./migrations",
} satisfies Config
