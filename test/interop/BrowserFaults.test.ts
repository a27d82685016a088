/** What a real browser does when its server is killed under an EventSource, and when it keeps nothing. */
import { request } from "node:http"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { installed } from "../support/installed.ts"
import { type Server, startServer } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"
import { bundled, openBrowser, openOrigin, openTab } from "./Page.ts"

interface Told {
  readonly value?: { readonly n: number }
  readonly id?: string
  readonly opened?: true
  readonly closed?: boolean
  readonly reset?: true
}
interface Said {
  readonly tab: string
  readonly value?: { readonly n: number }
  readonly source?: string
  readonly failed?: string
  readonly event?: { readonly type: string; readonly message?: string }
}

const browser = openBrowser({ tools: true })
let server: Server
let events: Awaited<ReturnType<typeof openOrigin<Told>>>
let config: Awaited<ReturnType<typeof openOrigin<Said>>>
/** With which position the page asked for events, each time. */
const asked: Array<string | undefined> = []

const put = async (n: number) => {
  const { status } = await server.call("PUT", "/v1/config/page?environment=production", { value: { n } })
  assert.strictEqual(status, 200)
}

beforeAll(async () => {
  installed("chromium", ["chromium"])
  const [following, holding] = await Promise.all(["events.ts", "config.ts"].map(bundled))
  events = await openOrigin<Told>(following!.code, (from, to) => {
    if (from.url === "/token") return void to.end(server.token)
    if (!from.url?.startsWith("/v1/events")) return void to.writeHead(404).end()
    // As a proxy in front: the page's cookie signs in.
    asked.push(from.headers["last-event-id"] as string | undefined)
    const behind = request(`${server.http}${from.url}`, { headers: from.headers, agent: false }, (answer) => {
      to.writeHead(answer.statusCode!, answer.headers)
      answer.pipe(to)
      answer.on("error", () => to.destroy())
    })
    behind.on("error", () => to.destroy()).end()
    to.on("close", () => behind.destroy())
  })
  config = await openOrigin<Said>(holding!.code, async (from, to) => {
    if (from.url === "/ticket") to.end((await server.call("POST", "/v1/stream/ticket")).body.ticket)
    else to.end()
  })
  server = await startServer({ HERALD_ORIGINS: config.origin })
  browser.browse(events.origin)
})
afterAll(async () => {
  browser.close()
  for (const page of [events, config]) page?.close()
  await server?.[Symbol.asyncDispose]()
})

describe("a page in a browser", () => {
  it("FF1 SX1 its EventSource goes on after its server was killed where it was: nothing is lost, and nothing twice", async () => {
    await waitUntil("it to be open", () => {
      assert.isFalse(events.said.some(({ closed }) => closed === true))
      return events.said.some(({ opened }) => opened)
    })
    const values = () => events.said.flatMap(({ value }) => (value === undefined ? [] : [value.n]))
    for (const n of [1, 2, 3]) await put(n)
    await waitUntil("three changes", () => values().length >= 3)
    const opened = asked.length
    await server.end("SIGKILL")
    await waitUntil("it to notice", () => events.said.some(({ closed }) => closed === false))
    await server.start()
    for (const n of [4, 5, 6]) await put(n)
    await waitUntil("it to be back", () => values().includes(6))
    await put(7)
    await waitUntil("what is new", () => values().includes(7))
    assert.deepStrictEqual(values(), [1, 2, 3, 4, 5, 6, 7])
    assert.isAbove(asked.length, opened)
    for (const id of asked.slice(opened)) assert.isNotEmpty(id)
    assert.isEmpty(events.said.filter(({ reset, closed }) => reset === true || closed === true))
  })

  for (const [store, message] of [
    ["full", /can't be written/],
    ["refused", /keeps nothing/],
    ["blocked", /did not open within/]
  ] as const)
    it(`WX3 with an IndexedDB that is ${store} it has its values, follows them, and says that it keeps none`, async () => {
      await put(7)
      const tab = await openTab(browser.profile)
      try {
        const { origin } = config
        if (store === "full") await tab.ask("Storage.overrideQuotaForOrigin", { origin, quotaSize: 1 })
        const address = server.http
        await tab.ask("Page.navigate", { url: `${origin}/?${new URLSearchParams({ address, tab: store, store })}` })
        const of = () => config.said.filter((one) => one.tab === store)
        await waitUntil("its value", () => of().some(({ value, source }) => value?.n === 7 && source === "live"))
        await put(8)
        await waitUntil("the next", () => of().some(({ value }) => value?.n === 8))
        const { event } = await waitUntil("what it says", () =>
          of().find((one) => one.event?.type === "last-known-good")
        )
        assert.match(event!.message!, message)
        assert.isEmpty(of().filter(({ failed }) => failed !== undefined))
      } finally {
        tab.close()
      }
    })
})
