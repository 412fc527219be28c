// The secret that signs tokens. There is no default one: without JWT_SECRET the first start makes one for this data_dir.
import { randomBytes } from "node:crypto"
import { link, mkdir, readFile, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { Config } from "../config.ts"

/** The configured secret, else the one kept in data_dir/jwt-secret, which is made (mode 0600) when missing. */
export async function resolveSecret(config: Pick<Config, "jwt_secret" | "data_dir">): Promise<Uint8Array> {
  const text = config.jwt_secret ?? (await keptSecret(config.data_dir))
  return new TextEncoder().encode(text)
}

async function keptSecret(folder: string): Promise<string> {
  const path = join(folder, "jwt-secret")
  const kept = await read(path)
  if (kept) return kept
  await mkdir(folder, { recursive: true, mode: 0o700 })
  // Written aside and linked into place, so that two first starts at once, or a crash in between, leave one whole secret.
  const draft = join(folder, `jwt-secret.${randomBytes(6).toString("hex")}`)
  await writeFile(draft, randomBytes(48).toString("base64url"), { mode: 0o600, flag: "wx" })
  try {
    await link(draft, path)
  } catch (error) {
    if (!isCode(error, "EEXIST")) throw error
  } finally {
    await rm(draft)
  }
  const made = await read(path)
  if (!made) throw new Error(`${path} is empty: remove it, and the next start makes a new one`)
  return made
}

async function read(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, "utf8")).trim()
  } catch (error) {
    if (isCode(error, "ENOENT")) return undefined
    throw error
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code
}
