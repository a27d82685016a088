import { once } from "node:events"
import { createServer, type RequestListener } from "node:http"
import { type AddressInfo, createServer as createTcp } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { isPublic } from "../../../../layers/Sockets/Addresses.ts"
import type { Limits } from "../../../../layers/Sockets/Pinned.ts"
import { retryAfterOf } from "../../../../layers/Webhook/webhooks/RetryAfter.ts"
import { layer } from "../../../../layers/Webhook/webhooks/WebhookPost.ts"
import { WebhookPost } from "../../../../src/webhooks/WebhookPost.ts"

const post = (url: string, options: Partial<Limits> = {}) =>
  Effect.runPromise(
    Effect.flatMap(WebhookPost, (poster) =>
      poster.post({ url, headers: { "webhook-id": "1" }, body: '{"a":"ü"}' })
    ).pipe(Effect.provide(layer({ timeout: 5_000, allowPrivate: true, ...options })))
  )

const serving = async (listener: RequestListener) => {
  const server = createServer(listener).listen(0, "127.0.0.1")
  await once(server, "listening")
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
    }
  }
}

describe("posting webhooks", () => {
  it("WA1 only addresses of the whole Internet are public", () => {
    for (const address of [
      ["0.0.0.0", "10.1.2.3", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.0.1", "169.254.169.254"],
      ["172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1"],
      ["198.19.255.255", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"],
      [
        "::",
        "::1",
        "::ffff:10.0.0.1",
        "::ffff:8.8.8.8",
        "::ffff:7f00:1",
        "::10.0.0.1",
        "64:ff9b::a00:1",
        "64:ff9b:1::1"
      ],
      ["100::1", "2001::1", "2001:20::1", "2001:db8::1", "2002:a00:1::1", "3fff::1", "fc00::1", "fd12::1", "fe80::1"],
      ["fe80::1%eth0", "fec0::1", "ff02::1", "5f00::1", "", "localhost", "1", "0x7f.1", "127.1"]
    ].flat())
      assert.isFalse(isPublic(address), address)
    for (const address of [
      "1.1.1.1",
      "8.8.8.8",
      "100.63.0.1",
      "172.32.0.1",
      "192.0.1.1",
      "2606:4700::1111",
      "2a00:1450::1"
    ])
      assert.isTrue(isPublic(address), address)
  })

  it("WA1 WP1 a name or number that leads to a private address is refused, and nothing is sent there", async () => {
    let requests = 0
    await using server = await serving((_, response) => {
      requests++
      response.end()
    })
    const { port } = server
    const refuse = { allowPrivate: false }
    for (const host of ["127.0.0.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "localhost", "0"])
      assert.strictEqual((await post(`http://${host}:${port}/`, refuse)).kind, "forbidden", host)
    // One bad address among good ones is enough.
    const resolve = async () => ["93.184.215.14", "127.0.0.1"]
    assert.strictEqual((await post(`http://mixed.example:${port}/`, { ...refuse, resolve })).kind, "forbidden")
    assert.strictEqual(requests, 0)
  })

  it("WP1 the connection goes to the address that was checked, whatever the name says a moment later", async () => {
    const hosts: Array<string> = []
    await using server = await serving((request, response) => {
      hosts.push(String(request.headers.host))
      response.writeHead(204).end()
    })
    let asked = 0
    const resolve = async () => (++asked === 1 ? ["127.0.0.1"] : ["192.0.2.1"])
    const answer = await post(`http://rebinding.example:${server.port}/x`, { resolve })
    assert.deepInclude(answer, { kind: "answered", status: 204 })
    assert.deepStrictEqual([asked, hosts], [1, [`rebinding.example:${server.port}`]])
  })

  it("WP2 redirects are answers, long answers are cut off, and the request is as it should be", async () => {
    let body = ""
    let written = 0
    let closed = false
    const seen: Array<string> = []
    await using server = await serving(async (request, response) => {
      seen.push(`${request.method} ${request.url}`)
      if (request.url === "/away") return void response.writeHead(302, { location: "/never" }).end()
      if (request.url === "/later") return void response.writeHead(429, { "retry-after": "7" }).end()
      for await (const chunk of request) body += String(chunk)
      response.on("close", () => (closed = true))
      response.writeHead(200)
      while (!closed) {
        written += 65_536
        response.write("x".repeat(65_536))
        await new Promise((resolve) => setImmediate(resolve))
      }
    })
    const at = `http://127.0.0.1:${server.port}`
    assert.deepStrictEqual(await post(`${at}/away`), { kind: "answered", status: 302, retryAfterMillis: undefined })
    assert.deepStrictEqual(await post(`${at}/later`), { kind: "answered", status: 429, retryAfterMillis: 7_000 })
    assert.deepInclude(await post(`${at}/long`), { kind: "answered", status: 200 })
    for (const until = performance.now() + 10_000; !closed && performance.now() < until; )
      await new Promise((resolve) => setTimeout(resolve, 10))
    assert.isTrue(closed)
    assert.isBelow(written, 64 * 1_048_576)
    assert.strictEqual(body, '{"a":"ü"}')
    assert.deepStrictEqual(seen, ["POST /away", "POST /later", "POST /long"])
  })

  it("WP3 it ends in time: silence, a resolver that hangs, a refused and a broken connection", async () => {
    const silent = createTcp(() => {}).listen(0, "127.0.0.1")
    const rude = createTcp((socket) => socket.destroy()).listen(0, "127.0.0.1")
    await Promise.all([once(silent, "listening"), once(rude, "listening")])
    const portOf = (server: typeof silent) => (server.address() as AddressInfo).port
    const options = { timeout: 300 }
    const whyOf = async (url: string, more: Partial<Limits> = {}) => {
      const answer = await post(url, { ...options, ...more })
      assert.strictEqual(answer.kind, "unreachable")
      return answer.kind === "unreachable" ? answer.why : ""
    }
    assert.match(await whyOf(`http://127.0.0.1:${portOf(silent)}/`), /no answer within 300ms/)
    assert.match(await whyOf("http://slow.example/", { resolve: () => new Promise(() => {}) }), /no answer within/)
    assert.isNotEmpty(await whyOf(`http://127.0.0.1:${portOf(rude)}/`))
    assert.isNotEmpty(await whyOf(`https://127.0.0.1:${portOf(rude)}/`))
    const free = portOf(rude)
    rude.close()
    await once(rude, "close")
    assert.match(await whyOf(`http://127.0.0.1:${free}/`), /ECONNREFUSED/)
    assert.match(await whyOf("http://nothing.example/", { resolve: async () => [] }), /has no address/)
    silent.close()
  })

  it("WP2 Retry-After is seconds or a date", () => {
    const now = Date.parse("2026-01-01T00:00:00Z")
    assert.strictEqual(retryAfterOf("120", now), 120_000)
    assert.strictEqual(retryAfterOf("Thu, 01 Jan 2026 00:00:30 GMT", now), 30_000)
    assert.strictEqual(retryAfterOf("Thu, 01 Jan 2020 00:00:30 GMT", now), 0)
    assert.isUndefined(retryAfterOf("soon", now))
    assert.isUndefined(retryAfterOf(undefined, now))
  })
})
