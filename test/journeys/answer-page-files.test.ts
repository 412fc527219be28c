// A person who has nothing but a link gives a bot a file, in a browser without script, and corrects the rest of the form.
import { expect, test } from "bun:test"
import { join } from "node:path"
import { linkScene } from "../http/link-scene.ts"
import { chromium, startBrowser } from "../support/browser.ts"
import { temporaryFolder } from "../support/process.ts"

test.skipIf(!chromium)(
  "[P6.15] a file is chosen in a browser, kept while the rest is corrected, and read by the bot",
  async () => {
    await using folder = await temporaryFolder()
    const [paper, list] = [join(folder.path, "报告.txt"), join(folder.path, "list.csv")]
    await Promise.all([Bun.write(paper, "what the paper says"), Bun.write(list, "a,b")])
    await using link = await linkScene([
      { type: "file", key: "paper", label: "Your paper", accept: ["text/plain"] },
      { type: "number", key: "count", label: "How many", max: 5 },
      { type: "file", key: "more", label: "More", multiple: true, required: false },
    ])
    await using opened = await startBrowser()
    const page = await opened.browser.newPage()
    await page.setJavaScriptEnabled(false)
    expect((await page.goto(link.url))?.status()).toBe(200)
    const choose = async (selector: string, ...paths: string[]) => {
      const [chooser] = await Promise.all([page.waitForFileChooser(), page.click(selector)])
      await chooser.accept(paths)
    }
    const send = () => Promise.all([page.waitForNavigation(), page.click("button")])
    const text = () => page.$eval("main", (main) => main.textContent)

    await choose("#f0", list)
    await page.type("#f1", "3")
    await send()
    expect(await text()).toContain("does not take text/csv, only text/plain")

    await choose("#f0", paper)
    await choose("#f2", list, paper)
    await page.$eval("form", (form) => form.setAttribute("novalidate", ""))
    await page.click("#f1", { count: 3 })
    await page.type("#f1", "9")
    await send()
    expect(await text()).toContain("must be 5 or less")
    expect((await text())?.match(/Keep \S+/g)).toEqual(["Keep 报告.txt", "Keep list.csv", "Keep 报告.txt"])

    await page.click("input[name=f2-kept]")
    await page.click("#f1", { count: 3 })
    await page.type("#f1", "4")
    await send()
    expect(await text()).toContain("Thank you")
    const { answer, files, texts } = await link.answered()
    const [first, second] = files.map(({ file_id }) => file_id)
    expect(answer).toEqual({ paper: [String(first)], count: 4, more: [String(second)] })
    expect(texts).toEqual(["what the paper says", "what the paper says"])
    expect(await link.files()).toHaveLength(2)
    expect((await page.goto(link.url))?.status()).toBe(409)
  },
)
