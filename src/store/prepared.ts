// Statements that every client needs as it comes: drizzle takes longer to put one together than SQLite to answer it, and leaves
// more behind, so each is put together once for each database.
import type { Orm } from "./orm.ts"

export function prepared<Statement>(prepare: (orm: Orm) => Statement): (orm: Orm) => Statement {
  const known = new WeakMap<Orm, Statement>()
  return (orm) => {
    const statement = known.get(orm) ?? prepare(orm)
    known.set(orm, statement)
    return statement
  }
}
