// The secret that signs tokens. Read at once: the first asynchronous read of a process takes 5 ms of a start (Bun 1.4.5).
// There is no default one: without JWT_SECRET the first start makes one for this data_dir.
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Config } from "../settings.ts"

export class SecretError extends Error {
  override readonly name = "SecretError"
}

/** As of JWT_SECRET (config.ts). */
const minBytes = 32

/** The configured secret, else the one kept in data_dir/jwt-secret, which is made (mode 0600) when missing. Throws SecretError. */
export async function resolveSecret({
  jwt_secret,
  data_dir,
}: Pick<Config, "jwt_secret" | "data_dir">): Promise<Uint8Array> {
  if (jwt_secret !== undefined) return new TextEncoder().encode(jwt_secret)
  const path = join(data_dir, "jwt-secret")
  const secret = new TextEncoder().encode(keptSecret(data_dir, path))
  if (secret.length >= minBytes) return secret
  throw new SecretError(
    secret.length === 0
      ? `${path} is empty: remove it, and the next start makes a new one`
      : `${path} must have at least ${minBytes} bytes: put a longer secret into it, or remove it, and the next start makes one`,
  )
}

function keptSecret(folder: string, path: string): string {
  try {
    return read(path) ?? makeSecret(folder, path)
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause)
    throw new SecretError(`The secret ${path} can be neither read nor made: ${problem}`, { cause })
  }
}

function makeSecret(folder: string, path: string): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  // Written aside and linked into place, so that two first starts at once, or a crash in between, leave one whole secret.
  const draft = join(folder, `jwt-secret.${randomBytes(6).toHex()}`)
  writeFileSync(draft, randomBytes(48).toBase64({ alphabet: "base64url" }), { mode: 0o600, flag: "wx" })
  try {
    linkSync(draft, path)
  } catch (error) {
    if (!isCode(error, "EEXIST")) throw error
  } finally {
    rmSync(draft)
  }
  return read(path) ?? ""
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim()
  } catch (error) {
    if (isCode(error, "ENOENT")) return undefined
    throw error
  }
}

function randomBytes(count: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(count))
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code
}
