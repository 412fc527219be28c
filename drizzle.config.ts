import type { Config } from "drizzle-kit"

// `bun run generate` compares the tables in src/store/ with migrations/ and writes the next forward migration.
export default {
  dialect: "sqlite",
  schema: ["./src/store/schema.ts", "./src/store/graph-schema.ts"],
  out: "./migrations",
} satisfies Config
