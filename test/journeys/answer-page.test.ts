// A person who has nothing but a link answers a bot's question in a browser, without script.
import { expect, test } from "bun:test"
import type { ElementHandle } from "puppeteer-core"
import { chromium, startBrowser } from "../support/browser.ts"
import { scriptedHandler } from "../support/scripted-handler.ts"
import { startTestServer, type TestServer } from "../support/server.ts"

async function linkTo(chat: TestServer, input_id: string): Promise<string> {
  const headers = { "Content-Type": "application/json" }
  const made = await chat.fetch(`/chat/inputs/${input_id}/link`, { method: "POST", body: "{}", headers })
  const { data } = JSON.parse(await made.text())
  return String(data.url)
}

test.skipIf(!chromium)(
  "[P6.15] the form behind a link is filled in, corrected and sent in a browser; the turn goes on, and the link is spent",
  async () => {
    const bot = scriptedHandler()
    await using chat = await startTestServer({ handlers: { scripted: bot.handler } })
    const client = await chat.connect({ chat: "c1" })
    await client.say("begin")
    void (await bot.run()).yield({
      type: "question",
      prompt: "Your order, please <b>&",
      fields: [
        { type: "text", key: "name", label: "Name", hint: "As on the door" },
        { type: "number", key: "count", label: "How many", min: 1, max: 5, integer: true },
        { type: "select", key: "colour", label: "Colour", options: [{ value: "r", label: "Red" }, { value: "g" }] },
        { type: "select", key: "extras", label: "Extras", options: [{ value: "a" }, { value: "b" }], multiple: true },
        { type: "confirm", key: "sure", label: "Is that all?", value: { total: 12 } },
      ],
    })
    const { data: asked } = await client.next("end")
    const url = await linkTo(chat, asked.question?.input_id ?? "")

    await using opened = await startBrowser()
    const page = await opened.browser.newPage()
    expect((await page.goto(url))?.status()).toBe(200)
    expect(await page.$$("script")).toEqual([])
    expect(await page.$eval("h1", (heading) => heading.textContent)).toContain("Your order, please <b>&")
    const labels = await page.$$eval("label, legend", (all) => all.map((one) => one.textContent?.trim()))
    for (const label of ["Name", "How many", "Colour", "Extras", "Is that all?"])
      expect(labels.some((one) => one?.startsWith(label))).toBe(true)
    // Every control has a name that a screen reader can say.
    expect(
      await page.$$eval("input:not([type=hidden]), select, textarea", (all) => all.every((one) => one.labels?.length)),
    ).toBe(true)

    // By what a person reads, and first with something that is wrong.
    const named = async (name: string) => {
      // As text: this tree knows no types of a browser.
      const labels = "[...document.querySelectorAll('label')]"
      const control = await page.evaluateHandle(
        `${labels}.find((one) => one.textContent.trim() === ${JSON.stringify(name)})?.control`,
      )
      const found = control.asElement()
      if (!found) throw new Error(`nothing on the page is called ${name}`)
      return found as ElementHandle
    }
    const write = async (name: string, text: string) => {
      const field = await named(name)
      await field.click({ count: 3 })
      await field.type(text)
    }
    const send = () => Promise.all([page.waitForNavigation(), page.click("button")])
    await page.$eval("form", (form) => form.setAttribute("novalidate", ""))
    await write("Name", "Ann")
    await write("How many", "7")
    await send()
    expect(await page.$eval("main", (main) => main.textContent)).toContain("must be 5 or less")
    expect(await (await named("Name")).getProperty("value").then((value) => value.jsonValue())).toBe("Ann")

    await write("How many", "3")
    await (await named("Colour")).select("g")
    await (await named("b")).click()
    await (await named("Yes, I approve")).click()
    await send()
    const { message } = (await bot.run()).context
    expect(message.parts).toMatchObject([
      { type: "input", answer: { name: "Ann", count: 3, colour: "g", extras: ["b"], sure: { approved: true } } },
    ])
    expect((await page.goto(url))?.status()).toBe(409)
  },
)
