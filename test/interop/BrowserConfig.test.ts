/** Configuration in a real browser: by tickets, over kill -9 of the server, and from IndexedDB while it is gone. */
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { installed } from "../support/installed.ts"
import { type Server, startServer } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"
import { bundled, openBrowser, openOrigin } from "./Page.ts"

interface Said {
  readonly tab: string
  readonly value?: { readonly n: number }
  readonly source?: string
  readonly stale?: boolean
  readonly state?: string
  readonly why?: string
  readonly failed?: string
  readonly kept?: ReadonlyArray<string>
  readonly event?: { readonly type: string; readonly message?: string }
}

const [browser, another] = [openBrowser(), openBrowser()]
const pages: Array<Awaited<ReturnType<typeof open>>> = []
/** What pages are to do next. */
const commands = new Map<string, string>()
let code = ""
let server: Server

const open = () =>
  openOrigin<Said>(code, async (request, response) => {
    const [path = "", query = ""] = (request.url ?? "").split("?")
    if (path === "/command") {
      response.end(commands.get(query) ?? "")
      commands.delete(query)
    } else if (path === "/ticket") {
      const answer = await server.call("POST", "/v1/stream/ticket").catch(() => undefined)
      response.writeHead(answer?.status ?? 503).end(answer?.body.ticket ?? "")
    } else response.writeHead(404).end()
  })
const put = async (n: number) => {
  const { status } = await server.call("PUT", "/v1/config/page?environment=production", { value: { n } })
  assert.strictEqual(status, 200)
}
const of = (tab: string) => pages[0]!.said.filter((one) => one.tab === tab)
const has = (tab: string, n: number, source: string) =>
  waitUntil(
    `${n} from ${source} in ${tab}`,
    () => of(tab).find((one) => one.value?.n === n && one.source === source),
    25_000
  )
const clientOf = async (tab: string) => {
  const { body } = await server.call("GET", "/v1/clients?environment=production&service=page")
  return body.clients.find(({ instance }: { readonly instance: string }) => instance === `tab-${tab}`)
}
const url = (origin: string, tab: string) => `${origin}/?${new URLSearchParams({ address: server.http, tab })}`

beforeAll(async () => {
  installed("chromium", ["chromium"])
  const made = await bundled("config.ts")
  assert.isEmpty(made.modules.filter((module) => module.startsWith("node_modules") || module.startsWith("proto")))
  assert.notMatch(made.code, /from "node:|require\(/)
  code = made.code
  const page = await open()
  pages.push(page)
  server = await startServer({ HERALD_ORIGINS: page.origin })
  await put(1)
  browser.browse(`${url(page.origin, "a")}&beside=b`)
})
afterAll(async () => {
  browser.close()
  another.close()
  for (const page of pages) page.close()
  await server?.[Symbol.asyncDispose]()
})

describe("a page with configuration", () => {
  it("XW1, XW2, XT3 has its value by a ticket, follows it, and is known to have it; so has another page beside it", async () => {
    for (const tab of ["a", "b"]) await has(tab, 1, "live")
    await put(2)
    for (const tab of ["a", "b"]) {
      await has(tab, 2, "live")
      await waitUntil(`what ${tab} applied`, async () => (await clientOf(tab))?.keys[0]?.applied?.version === 2)
    }
  })

  it("HK1 a hook of the page refuses, and the operator reads why", async () => {
    await put(100)
    const key = await waitUntil("a refusal", async () => {
      const found = (await clientOf("a"))?.keys[0]
      return found?.rejected === null ? undefined : found
    })
    assert.include(key.rejected.reason, "n is too large")
    assert.strictEqual(key.applied.version, 2)
    await put(3)
    await has("a", 3, "live")
  })

  it("WX1 has its last known good after a reload while the server is gone, and goes on when it is back", async () => {
    await waitUntil("it is kept", async () => (await clientOf("a"))?.keys[0]?.applied?.version === 4)
    await waitUntil("it is in IndexedDB", () => {
      commands.set("a", "kept")
      return of("a").some(({ kept }) => kept?.some((text) => text.includes('{\\"n\\":3}')))
    })
    await server.end("SIGKILL")
    await waitUntil(
      "a stale page",
      () => of("a").at(-1)?.state === "stale" || of("a").some(({ state }) => state === "stale")
    )
    const before = of("a").length
    commands.set("a", "reload")
    const kept = await waitUntil("what is kept", () =>
      of("a")
        .slice(before)
        .find(({ source }) => source === "disk")
    )
    assert.deepInclude(kept, { value: { n: 3 }, stale: true })
    await server.start()
    await put(4)
    for (const tab of ["a", "b"]) await has(tab, 4, "live")
    assert.isEmpty(pages[0]!.said.filter(({ failed }) => failed !== undefined))
  })

  it("YS4 of an origin that is not listed is refused before it says anything", async () => {
    const other = await open()
    pages.push(other)
    another.browse(url(other.origin, "evil"))
    const { failed } = await waitUntil("a refusal", () => other.said.find(({ failed }) => failed !== undefined))
    assert.match(failed ?? "", /did not send the configuration/)
    assert.isUndefined(await clientOf("evil"))
    assert.match(
      await (await fetch(`${server.http}/metrics`)).text(),
      /herald_refused_total\{door="http",reason="origin"\} [1-9]/
    )
  })
})
