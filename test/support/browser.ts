// A real browser (Debian's chromium), without a window, for pages that people see.
import { existsSync } from "node:fs"
import { type Browser, launch } from "puppeteer-core"

/** Where it is, or undefined on a machine without it. */
export const chromium: string | undefined =
  Bun.which("chromium") ?? ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find((path) => existsSync(path))

export interface TestBrowser extends AsyncDisposable {
  readonly browser: Browser
}

export async function startBrowser(): Promise<TestBrowser> {
  if (!chromium) throw new Error("chromium is not on this machine: apt-get install chromium")
  const browser = await launch({
    executablePath: chromium,
    // Tests run as root, where chromium has no sandbox of its own; it sees pages of this machine alone.
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--lang=en"],
  })
  return { browser, [Symbol.asyncDispose]: () => browser.close() }
}
