/** What one connection of HTTP/2 can do at the HTTP door, and what it costs its neighbours: nothing. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import * as Http from "../../../layers/Http/HttpServer.ts"
import * as Raw from "../../support/RawHttp2.ts"
import { counted } from "../../support/Stranger.ts"
import { waitUntil } from "../../support/waitUntil.ts"
import { door, event, free, MEGABYTE, page, routes, times, waits } from "./Door.ts"

const { certificate, isServed, open, start } = door()

const NO_ERROR = 0
const REFUSED_STREAM = 7
const CANCEL = 8

describe("answers that are not read", () => {
  it("HS3 a stream whose window stays shut is reset after its time, and others of its connection go on", async () => {
    const refused = counted("http", "unread_time")
    // Also how long a client may take to answer the PING that asks whether it is there.
    const port = await start({ ...free, patience: 3_000, bytesPerSecond: 1_000 * MEGABYTE })
    const client = await open(port, 0)
    client.get(1, "/page")
    for (const id of [3, 5, 7]) client.get(id, "/events")
    await waitUntil("four resets", () => [1, 3, 5, 7].every((id) => client.code(id) === CANCEL))
    client.get(9, "/hello")
    client.say(Raw.frame(Raw.WINDOW_UPDATE, 0, 9, Raw.uint32(1_000)))
    await waitUntil("the answer", () => client.bytesOf(9) === "hello".length)

    assert.strictEqual(await refused(), 4)
    assert.isFalse(client.closed)
    await isServed(port)
  })

  it("HS3 a quiet feed that was read stays open", async () => {
    const port = await start({ patience: 3_000, bytesPerSecond: 1_000 * MEGABYTE })
    const client = await open(port)
    client.get(1, "/quiet")
    await waitUntil("the first event", () => client.bytesOf(1) === event.length)
    client.get(3, "/page")
    await waitUntil("a page", () => client.bytesOf(3) === page.length)
    const slow = await open(port, 0)
    slow.get(1, "/page")
    await waitUntil("one that waited as long to be cut", () => slow.code(1) === CANCEL)

    assert.isUndefined(client.code(1))
  })

  it("HS3 HT4 HT6 the connection of a peer that reads nothing is cut, and every place is free again", async () => {
    const port = await start({ ...free, patience: 300, bytesPerSecond: 1_000 * MEGABYTE, maxConnections: 3 })
    const deaf = await Promise.all([open(port), open(port), open(port)])
    for (const client of deaf) {
      client.socket.pause()
      client.get(1, "/page")
      client.get(3, "/page")
    }
    await waitUntil("three neighbours to have a place", async () => {
      const neighbours = await Promise.all([open(port), open(port), open(port)])
      for (const client of neighbours) client.get(1, "/hello")
      await waitUntil("answers", () => neighbours.every((client) => client.closed || client.bytesOf(1) > 0))
      const served = neighbours.every((client) => client.bytesOf(1) > 0)
      for (const client of neighbours) client.socket.destroy()
      return served
    })
  })

  it("HS4 no request begins while 8 MiB of its connection are unread, and it may be sent again", async () => {
    const refused = counted("http", "unread_of_connection")
    const port = await start(free)
    const client = await open(port, 0)
    for (const id of [1, 3, 5]) client.get(id, "/page")
    client.get(7, "/hello")
    await waitUntil("the answers to wait", () => client.of(Raw.HEADERS).length >= 3)
    client.get(9, "/hello")
    await waitUntil("the refusal", () => client.code(9))
    client.say(...[1, 3, 5].map((id) => Raw.frame(Raw.RST_STREAM, 0, id, Raw.uint32(CANCEL))))
    await waitUntil("another", () => {
      const id = 11 + 2 * client.of(Raw.RST_STREAM).length
      client.get(id, "/hello")
      return client.of(Raw.HEADERS).find((one) => one.id >= 11)
    })

    assert.strictEqual(client.code(9), REFUSED_STREAM)
    assert.isAtLeast(await refused(), 1)
    await isServed(port)
  })

  it("HS5 HT6 more than may wait in all cuts those that have waited longest, whether they reset their requests or not", async () => {
    for (const gaveUp of [false, true]) {
      const refused = counted("http", "unread_in_all")
      const port = await start({ ...free, maxUnread: 70 * MEGABYTE })
      const deaf = await Promise.all(Array.from({ length: 8 }, () => open(port)))
      for (const client of deaf) {
        client.socket.pause()
        client.get(1, "/huge")
      }
      await isServed(port)
      if (gaveUp) for (const client of deaf) client.say(Raw.frame(Raw.RST_STREAM, 0, 1, Raw.uint32(CANCEL)))
      await waitUntil("most to be cut", async () => (await refused()) >= 4)
      await isServed(port)

      assert.isBelow(await refused(), 8)
    }
  })
})

describe("time", () => {
  it("HT1 a connection that begins no request is closed, before its first and after its last one, although it pings", async () => {
    const port = await start({ times: { ...times, first: 50 } })
    const first = await open(port)
    await waitUntil("the first to be closed", () => first.closed)
    const dumb = await open(port, "silent")
    await waitUntil("one that says nothing to be closed", () => dumb.closed)
    const other = await start({ times: { ...times, idle: 50 } })
    const second = await open(other)
    second.get(1, "/quiet")
    await waitUntil("an event", () => second.bytesOf(1) > 0)
    second.get(3, "/hello")
    await waitUntil("an answer", () => second.bytesOf(3) > 0)
    const third = await open(other)
    third.get(1, "/hello")
    await waitUntil("the idle one to be closed", () => {
      if (third.heard.filter(({ type }) => type === Raw.PING).length < 10)
        third.say(Raw.frame(Raw.PING, 0, 0, Buffer.alloc(8)))
      return third.closed
    })

    assert.isFalse(second.closed)
    assert.strictEqual(third.code(0), NO_ERROR)
  })

  it("HT2 a request that does not become whole is answered with 408, and its route learns of it", async () => {
    const port = await start({ times: { ...times, whole: 100 } })
    const client = await open(port)
    const posting = (path: string) => Raw.asking(path, { ":method": "POST" })
    client.say(Raw.frame(Raw.HEADERS, Raw.END_HEADERS, 1, posting("/read")))
    client.say(Raw.frame(Raw.HEADERS, Raw.END_HEADERS, 3, posting("/wait")))
    client.say(Raw.frame(Raw.DATA, 0, 1, Buffer.from("{")))
    client.get(5, "/quiet")
    await waitUntil("both to end", () => client.of(Raw.HEADERS, 1).length > 0 && client.code(3) !== undefined)
    await waitUntil("the route to know", () => waits.interrupted === 1)

    assert.deepStrictEqual([client.code(1), client.code(3)], [NO_ERROR, NO_ERROR])
    assert.isUndefined(client.code(5))
    client.get(7, "/hello")
    await waitUntil("an answer", () => client.bytesOf(7) === "hello".length)
  })

  it("HT5 an answer before the end of its request is had whole, and the client is told to send no more", async () => {
    const port = await start()
    const client = await open(port)
    client.say(Raw.frame(Raw.HEADERS, Raw.END_HEADERS, 1, Raw.asking("/refused", { ":method": "POST" })))
    client.say(Raw.frame(Raw.DATA, 0, 1, Buffer.alloc(16_000)))
    await waitUntil("the end", () => client.code(1) !== undefined)

    assert.strictEqual(client.bytesOf(1), "no".length)
    assert.strictEqual(client.code(1), NO_ERROR)
  })

  it("HT7 a body that breaks off is never taken for a whole one", async () => {
    const port = await start({ times: { ...times, whole: 500 } })
    const client = await open(port)
    const body = Buffer.from('{"value":1} ')
    // That say nothing of their length, more than came, and all of it: then the end is missing.
    const lengths = [{}, { "content-length": "13" }, { "content-length": "12" }]
    lengths.forEach((length, i) => {
      for (const id of [4 * i + 1, 4 * i + 3]) {
        const headers = Raw.asking("/read", { ":method": "POST", ...length })
        client.say(Raw.frame(Raw.HEADERS, Raw.END_HEADERS, id, headers), Raw.frame(Raw.DATA, 0, id, body))
      }
      client.say(Raw.frame(Raw.RST_STREAM, 0, 4 * i + 1, Raw.uint32(CANCEL)))
    })
    await waitUntil("three to be given up, and three to be too slow", () => waits.read + waits.broken === 6)
    client.socket.destroy()
    await isServed(port)

    assert.strictEqual(waits.read, 0)
  })

  it("HS8 a route learns that its client went away, also when only headers were asked for", async () => {
    const port = await start()
    const client = await open(port)
    client.get(1, "/wait")
    client.get(3, "/wait", { ":method": "HEAD" })
    await waitUntil("both to begin", () => waits.begun === 2)
    client.say(...[1, 3].map((id) => Raw.frame(Raw.RST_STREAM, 0, id, Raw.uint32(CANCEL))))
    await waitUntil(
      "both to be interrupted",
      () => {
        if (waits.interrupted === 2) return true
        throw new Error(
          JSON.stringify(waits) +
            client.heard.map((h) => `${h.type}/${h.id}/${h.payload.length}/${client.code(h.id)}`).join(" ")
        )
      },
      8_000
    )
    client.get(5, "/wait")
    await waitUntil("a third to begin", () => waits.begun === 3)
    client.socket.destroy()
    await waitUntil("it to be interrupted", () => waits.interrupted === 3)
  })
})

describe("leaving", () => {
  it.live("HS2 idle connections are told to go, running requests end, stuck ones are cut", () =>
    Effect.gen(function* () {
      const release = yield* Deferred.make<void>()
      const begun = yield* Deferred.make<void>()
      const slow = HttpRouter.add(
        "GET",
        "/slow",
        Deferred.succeed(begun, undefined).pipe(
          Effect.andThen(Deferred.await(release)),
          Effect.as(HttpServerResponse.text("done"))
        )
      )
      const scope = yield* Scope.make()
      const context = yield* HttpRouter.serve(
        Layer.merge(routes, slow) as Layer.Layer<never, never, HttpRouter.HttpRouter>,
        {
          disableLogger: true,
          disableListenLog: true
        }
      ).pipe(
        Layer.provideMerge(Http.layer({ host: "127.0.0.1", port: 0, tls: certificate.tls, grace: 500 })),
        Layer.buildWithScope(scope)
      )
      const port = yield* Http.boundPort.pipe(Effect.provideContext(context))
      const [idle, one, two, deaf] = yield* Effect.promise(() =>
        Promise.all([open(port), open(port), open(port), open(port)])
      )
      idle.get(1, "/hello")
      one.get(1, "/slow")
      two.get(1, "/wait")
      deaf.socket.pause()
      deaf.get(1, "/page")
      yield* Deferred.await(begun)
      yield* Effect.promise(() => waitUntil("an answer", () => idle.bytesOf(1) > 0 && waits.begun === 1))
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* Effect.promise(() =>
        waitUntil("all to be told", () => [idle, one, two].every((c) => c.code(0) === NO_ERROR))
      )
      yield* Deferred.succeed(release, undefined)
      yield* Fiber.join(closing)
      yield* Effect.promise(() => waitUntil("all to be closed", () => [idle, one, two].every(({ closed }) => closed)))

      assert.strictEqual(one.bytesOf(1), "done".length)
      assert.strictEqual(two.bytesOf(1), 0)
    })
  )
})
