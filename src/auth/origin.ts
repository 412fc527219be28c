// Which browser pages may connect. Tokens are not ambient as cookies are, so this is a second line of defence, not the first.

/** Loopback pages always may; others when they are listed, or when the list has `*`. What is no origin never is loopback. */
export function isAllowedOrigin(allowed: readonly string[], origin: string): boolean {
  if (origin === "") return false
  return allowed.includes("*") || allowed.includes(origin) || isLoopback(origin)
}

function isLoopback(origin: string): boolean {
  const url = URL.parse(origin)
  return url?.origin === origin && ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname)
}
