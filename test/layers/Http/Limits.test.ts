/** What someone without a token can make the HTTP door keep: next to nothing, however many connections and however slow a reader. */
import { connect, type Socket } from "node:net"
import { afterEach, assert, describe, it } from "@effect/vitest"
import { Effect, Exit, type Layer, Scope } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import * as L from "effect/Layer"
import * as Http from "../../../layers/Http/HttpServer.ts"
import { Unread } from "../../../layers/Sockets/Unread.ts"
import { type Ask, asker, certified, type Protocol, protocols } from "../../support/Protocols.ts"
import { counted } from "../../support/Stranger.ts"
import { waitUntil } from "../../support/waitUntil.ts"

const MEGABYTE = 1_048_576
const page = new Uint8Array(4 * MEGABYTE)
const routes = L.mergeAll(
  HttpRouter.add("GET", "/page", HttpServerResponse.uint8Array(page)),
  HttpRouter.add("GET", "/hello", HttpServerResponse.text("hello")),
  HttpRouter.add(
    "GET",
    "/said",
    Effect.map(HttpServerRequest.HttpServerRequest, ({ url, originalUrl }) =>
      HttpServerResponse.text(JSON.stringify([url, originalUrl]))
    )
  ),
  HttpRouter.add("GET", "/metrics", HttpServerResponse.text("numbers")),
  HttpRouter.add("GET", "/livez", HttpServerResponse.text("alive")),
  HttpRouter.add("GET", "/v1/wrong", HttpServerResponse.text("no", { status: 401 })),
  HttpRouter.add(
    "GET",
    "/v1/events",
    Effect.map(HttpServerRequest.HttpServerRequest, ({ cookies }) =>
      HttpServerResponse.text("", { status: cookies["herald-token"] === "y" ? 200 : 401 })
    )
  ),
  HttpRouter.add("GET", "/v1/right", HttpServerResponse.text("yes"))
)

let stop = async () => {}
const sockets: Array<Socket> = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await stop()
})

const certificate = certified()
let close = () => {}
afterEach(() => close())

/** A door of its own that is asked by a protocol. */
const startBy = async (protocol: Protocol, limits: Partial<Http.HttpOptions>) => {
  const port = await start(protocol === "HTTP/1.1" ? limits : { ...limits, tls: certificate.tls })
  const asking = asker(protocol, port, certificate.ca)
  close = asking.close
  const { ask } = asking
  return { ask, status: async (path: string, options?: Ask) => (await ask(path, options)).status }
}

const start = async (limits: Partial<Http.HttpOptions> = {}) => {
  const scope = Effect.runSync(Scope.make())
  stop = () => Effect.runPromise(Scope.close(scope, Exit.void))
  const server = HttpRouter.serve(routes as Layer.Layer<never, never, HttpRouter.HttpRouter>, {
    disableLogger: true,
    disableListenLog: true
  }).pipe(L.provideMerge(Http.layer({ host: "127.0.0.1", port: 0, ...limits })), L.buildWithScope(scope))
  const context = await Effect.runPromise(server)
  return Effect.runPromise(Http.boundPort.pipe(Effect.provideContext(context)))
}

/** A connection that asks and, unless it `reads`, takes no byte of the answer. */
const ask = async (port: number, text: string, reads = false) => {
  const socket = connect(port, "127.0.0.1")
  sockets.push(socket)
  const seen = { closed: false, text: "" }
  socket.on("error", () => {})
  socket.on("close", () => {
    seen.closed = true
  })
  await new Promise((resolve) => socket.once("connect", resolve))
  if (reads) socket.on("data", (data) => (seen.text += data.toString("latin1").slice(0, 2_000)))
  else socket.pause()
  socket.write(text)
  return seen
}
const get = (path: string, headers = "") => `GET ${path} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`
/** A paused socket notices that it was cut when it reads again. */
const cut = (seen: { closed: boolean }, i = 0) => {
  sockets[i]?.resume()
  return seen.closed
}

describe("answers that are not read", () => {
  it("HS3 are cut after their time, which is longer for a longer answer; who reads is served meanwhile and afterwards", async () => {
    const times = counted("http", "unread_time")
    const port = await start({ patience: 500, bytesPerSecond: 8 * MEGABYTE, lookEvery: 10 })
    await Promise.all(Array.from({ length: 20 }, () => ask(port, get("/page"))))
    for (let i = 0; i < 50; i++) assert.strictEqual((await fetch(`http://127.0.0.1:${port}/hello`)).status, 200)
    await waitUntil("20 to be cut", async () => (await times()) === 20)
    const whole = await fetch(`http://127.0.0.1:${port}/page`)

    assert.strictEqual((await whole.arrayBuffer()).byteLength, page.length)
  })

  it("HS4 no request begins on a connection with much unread, and at most 64 are under way", async () => {
    const [unread, many] = [counted("http", "unread_of_connection"), counted("http", "pipelined")]
    const port = await start()
    const one = await ask(port, get("/page"))
    await waitUntil("the first to be refused", async () => {
      sockets[0]!.write(get("/hello"))
      return (await unread()) + (await many()) === 1
    })
    const two = await ask(port, get("/hello").repeat(200))
    await waitUntil("the second to be refused", async () => (await unread()) + (await many()) === 2)
    await waitUntil("both to be closed", () => cut(one, 0) && cut(two, 1))
  })

  it("HS5 more than may wait in all cuts those that have waited longest; who reads is served", async () => {
    const times = counted("http", "unread_in_all")
    const port = await start({ maxUnread: 20 * MEGABYTE, lookEvery: 10 })
    for (let i = 0; i < 40; i++) await ask(port, get("/page"))
    for (let i = 0; i < 50; i++) assert.strictEqual((await fetch(`http://127.0.0.1:${port}/hello`)).status, 200)
    await waitUntil("most to be cut", async () => (await times()) >= 30)

    assert.isBelow(await times(), 40)
  })

  it("HS3 reading starts the time again", () => {
    const refused: Array<string> = []
    const unread = new Unread({ patience: 10, maxUnread: 1e9, bytesPerSecond: 65_536, lookEvery: 1e9 }, (reason) =>
      refused.push(reason)
    )
    const socket = Object.assign(new EventTarget(), {
      writableLength: 65_536,
      bytesWritten: 65_536,
      once: () => socket,
      destroy: () => socket
    })
    const answer = { socket, writableLength: 0, once: () => answer }
    unread.admit({ socket } as never, answer as never)
    const begun = performance.now()
    unread.look(begun + 900)
    socket.bytesWritten += 300_000
    unread.look(begun + 1_005)
    unread.look(begun + 2_000)
    const before = [...refused]
    unread.look(begun + 2_100)

    assert.deepStrictEqual([before, refused], [[], ["unread_time"]])
  })
})

describe("connections and requests without a token", () => {
  it("GA1 connections over the limit are closed at once; those that are open stay and are served", async () => {
    const times = counted("http", "connections")
    const port = await start({ maxConnections: 3 })
    const all: Array<Awaited<ReturnType<typeof ask>>> = []
    for (let i = 0; i < 6; i++) all.push(await ask(port, "", true))
    await waitUntil("three to be closed", () => all.filter(({ closed }) => closed).length === 3)
    for (const [i, { closed }] of all.entries()) if (!closed) sockets[i]!.write(get("/hello"))
    await waitUntil("three answers", () => all.filter(({ text }) => text.includes("hello")).length === 3)

    assert.strictEqual(await times(), 3)
  })

  it.each(protocols)(
    "HS6 an address's requests without a token are limited, wrong tokens among them; a right token and probes are not (%s)",
    async (protocol) => {
      const { ask } = await startBy(protocol, { open: { perSecond: 0.000_1, burst: 20 } })
      const status = async (path: string, token?: string) => {
        const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
        const answer = await ask(path, { headers })
        return answer.status === 429 ? JSON.parse(answer.text).code : answer.status
      }
      const wrong = [await status("/v1/wrong", "x"), await status("/v1/wrong", "x"), await status("/v1/wrong", "x")]
      const open = await Promise.all(Array.from({ length: 7 }, () => status("/hello")))

      assert.deepStrictEqual(wrong, [401, 401, 401])
      assert.deepStrictEqual(
        open.map(String).sort(),
        ["200", "200", "200", "200", "200", "HRLD-3003", "HRLD-3003"].sort()
      )
      assert.deepStrictEqual([await status("/livez"), await status("/v1/right", "y")], [200, 200])
      assert.strictEqual(await status("/v1/right"), "HRLD-3003")
    }
  )

  it.each(protocols)(
    "HS6 a token in the cookie of a feed is one, right or wrong; nowhere else is a cookie a token (%s)",
    async (protocol) => {
      const door = await startBy(protocol, { open: { perSecond: 0.000_1, burst: 12 } })
      const status = (path: string, cookie: string) => door.status(path, { headers: { cookie } })
      const wrong = [
        await status("/v1/events?x=1", "a=b; herald-token=x"),
        await status("/v1/events", "herald-token=x")
      ]
      const open = [await status("/v1/right", "herald-token=y"), await status("/v1/right", "herald-token=y")]

      assert.deepStrictEqual(wrong, [401, 401])
      assert.deepStrictEqual(open, [200, 200])
      assert.deepStrictEqual(
        [await status("/v1/right", "herald-token=y"), await status("/v1/events", "a=b")],
        [429, 429]
      )
      assert.strictEqual(await status("/v1/events", "herald-token=y"), 200)
    }
  )

  it.each(protocols)(
    "HS6 who asks for flags is not held up by its address: with a key by its rate, and without one by that of all who have none (%s)",
    async (protocol) => {
      const door = await startBy(protocol, { open: { perSecond: 0.000_1, burst: 3 } })
      const found = new Set<number>()
      for (const headers of [{ authorization: "Bearer y" }, {}] as ReadonlyArray<Record<string, string>>)
        for (const path of ["/ofrep/v1/evaluate/flags", "/v1/flagd?environment=production"])
          for (let n = 0; n < 5; n++) found.add(await door.status(path, { headers }))
      assert.notInclude([...found], 429)
      const open = [await door.status("/hello"), await door.status("/hello"), await door.status("/hello")]
      assert.deepStrictEqual([...open, await door.status("/hello")], [200, 200, 200, 429])
    }
  )

  it.each(protocols)(
    "HS7 metrics are had by an address of which wrong tokens come, and only they use up what it may ask of them (%s)",
    async (protocol) => {
      const door = await startBy(protocol, { open: { perSecond: 0.000_1, burst: 20 } })
      const status = (path: string, headers: Record<string, string> = {}) => door.status(path, { headers })
      for (let i = 0; i < 6; i++) assert.strictEqual(await status("/v1/wrong", { authorization: "Bearer x" }), 401)
      assert.strictEqual(await status("/hello"), 429)
      assert.deepStrictEqual([await status("/metrics"), await status("/metrics?x=1")], [200, 200])
      assert.strictEqual(await status("/metrics"), 429)
      for (const same of ["/metrics/", "//metrics", "/%6Detrics", "/Metrics"])
        assert.strictEqual(await status(same), 429)
    }
  )

  it("HS6 a page costs the same however its path is written, where the router reads the same", async () => {
    const written = [
      "/metrics;x",
      "/metrics;x=1?y",
      "/metrics#x",
      "http://a/metrics",
      "HTTP://a//METRICS/",
      "/%6detrics;"
    ]
    const answers: Array<unknown> = []
    for (const path of written) {
      const port = await start({ open: { perSecond: 0.000_1, burst: 10 } })
      const seen = await ask(port, get(path) + get("/metrics") + get("/hello"), true)
      await waitUntil("all answers", () => seen.text.split("HTTP/1.1 ").length === 4 || seen.closed)
      await stop()
      answers.push([path, seen.text.match(/(?<=HTTP\/1.1 )\d+/g)?.join()])
    }

    assert.deepStrictEqual(
      answers,
      written.map((path) => [path, "200,429"])
    )
  })

  it.each(protocols)("HS6 an address that is exempt is not limited (%s)", async (protocol) => {
    const { status } = await startBy(protocol, { open: { perSecond: 0.000_1, burst: 1 }, exempt: ["127.0.0.0/8"] })
    for (let i = 0; i < 5; i++) assert.strictEqual(await status("/hello"), 200)
  })

  it.each(protocols)("TU1 a route does not see a token in the query (%s)", async (protocol) => {
    const { ask } = await startBy(protocol, {})
    const { text } = await ask("/said?token=s3cret&x=1")

    assert.include(text, "/said?token=redacted&x=1")
    assert.notInclude(text, "s3cret")
  })

  it("TU1 a route does not see a token in the URL, however it was put there", async () => {
    const port = await start()
    const seen = await ask(port, "GET http://ann:s3cret@a/said?token=s3cret&x=1 HTTP/1.1\r\nHost: a\r\n\r\n", true)
    await waitUntil("an answer", () => seen.text.includes("x=1"))

    assert.include(seen.text, "/said?token=redacted&x=1")
    assert.notInclude(seen.text, "s3cret")
  })

  it("a request that asks for another protocol is answered like any other", async () => {
    const port = await start()
    const seen = await ask(port, get("/hello", "Connection: Upgrade\r\nUpgrade: websocket\r\n"), true)

    await waitUntil("an answer", () => seen.text.includes("hello"))
  })
})
