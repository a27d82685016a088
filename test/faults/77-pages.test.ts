/** Fault 77: pages, over the WebSocket `/v1/stream`: one is gone without a word, some read nothing, and their nodes leave and are killed. */
import { readFileSync } from "node:fs"
import { connect } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { HeraldClient } from "../../src/client/Web.ts"
import { measured, seconds } from "../support/measured.ts"
import { Nodes } from "../support/Nodes.ts"
import { type Server, startServer } from "../support/Server.ts"
import { TcpProxy } from "../support/TcpProxy.ts"
import { waitUntil } from "../support/waitUntil.ts"

const SLOW = 40
const UPDATES = 120
const SIZE = 100_000

/** A page that may stop reading: a WebSocket by hand. */
const openPage = (server: Server, instance: string) => {
  const { hostname, port } = new URL(server.http)
  const socket = connect({ host: hostname, port: Number(port) })
  const say = (message: unknown) => {
    const payload = Buffer.from(JSON.stringify(message))
    socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload])) // a mask of zeros
  }
  const revisions: Array<number> = []
  const begins: Array<string> = []
  let text = ""
  const page = {
    ...{ socket, revisions, begins },
    isOver: false
  }
  socket.write(
    `GET /v1/stream HTTP/1.1\r\nHost: page\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${Buffer.alloc(16).toString("base64")}\r\n\r\n`
  )
  let hasGreeted = false
  let isKnown = false
  socket.on("error", () => {})
  socket.on("close", () => {
    page.isOver = true
  })
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1")
    if (!hasGreeted && text.includes("\r\n\r\n")) {
      hasGreeted = true
      say({ hello: { token: server.token } })
    }
    if (!isKnown && text.includes('"welcome"')) {
      isKnown = true
      say({ subscribe: { serviceName: "svc", instanceId: instance, control: true } })
    }
    for (let whole: RegExpExecArray | null; ; text = text.slice(whole.index + whole[0].length)) {
      whole = /"content":"([^"]*)"[^}]*"revision":"(\d+)"/.exec(text)
      if (whole === null) break
      begins.push(Buffer.from(whole[1]!.slice(0, 24), "base64").toString())
      revisions.push(Number(whole[2]))
    }
  })
  return page
}

const connectPage = (address: string | ReadonlyArray<string>, token: string, instance: string, states: Array<string>) =>
  HeraldClient.connect({
    ...{ address, token, instance, service: "svc", waitForSync: true, logger: () => {} },
    ...{ reconnect: { baseMillis: 50, capMillis: 1_000 }, onStateChange: (state) => void states.push(state) }
  })

describe("fault 77: pages", () => {
  it("YC1 a page that is gone without a word is let go, and others hear of changes; it goes on when it is back", async () => {
    await using server = await startServer()
    const port = Number(new URL(server.http).port)
    await using proxy = new TcpProxy(port)
    const through = `http://127.0.0.1:${await proxy.listen()}`
    await server.publish("svc", 0)
    const [halfOpen, other] = [
      await connectPage(through, server.token, "half-open", []),
      await connectPage(server.http, server.token, "other", [])
    ]
    const stateOf = async (name: string) => {
      const { body } = await server.call("GET", "/v1/clients?environment=production")
      return body.clients.find(({ instance }: { readonly instance: string }) => instance === name)?.state
    }
    assert.strictEqual(await stateOf("half-open"), "connected")
    proxy.fault = "hold"
    const from = performance.now()
    for (let n = 1; n <= 5; n++) await server.publish("svc", n)
    await waitUntil("the other page to have it", () => other.get("svc") === 5)
    await waitUntil("the server to notice", async () => (await stateOf("half-open")) !== "connected", 120_000)
    const noticed = performance.now() - from
    await waitUntil("the page to notice", () => halfOpen.state !== "live", 120_000)
    proxy.fault = "none"
    proxy.cut()
    await waitUntil("the page to be back", () => halfOpen.state === "live" && halfOpen.get("svc") === 5)
    measured(77, "a page's connection held", { "server noticed after": seconds(noticed) })
    for (const one of [halfOpen, other]) await one.close()
  })

  it("YS2 pages that read nothing cost a bounded part of memory, delay nobody, and have the newest when they read again", async () => {
    await using server = await startServer()
    const rss = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))![1]) * 1_024
    const value = (n: number) => `${n}.`.padEnd(SIZE, "x")
    await server.publish("svc", value(0))
    const healthy = await connectPage(server.http, server.token, "healthy", [])
    const slow = Array.from({ length: SLOW }, (_, n) => openPage(server, `slow ${n}`))
    await waitUntil("everybody has the first value", () => slow.every(({ begins }) => begins[0]?.startsWith("0.")))
    for (const { socket } of slow) socket.pause()
    for (let n = 1; n < 20; n++) await server.publish("svc", value(n))
    const before = rss()
    for (let n = 20; n < UPDATES; n++) await server.publish("svc", value(n))
    await waitUntil("the healthy page has the newest", () => healthy.get("svc") === value(UPDATES - 1))
    const grown = rss() - before
    // Unbounded queues would hold 40 × 100 × 133 kB = 530 MB.
    assert.isBelow(grown, 200_000_000)
    for (const { socket } of slow) socket.resume()
    await waitUntil("the slow ones have the newest", () =>
      slow.every(({ begins, isOver }) => isOver || begins.at(-1)?.startsWith(`${UPDATES - 1}.`))
    )
    // On a starved machine some were silent for so long that they are gone: not for what waits for them.
    const gone = slow.filter(({ isOver }) => isOver).length
    const { body: metrics } = await server.call("GET", "/metrics")
    const cut = [
      ...String(metrics).matchAll(/^herald_refused_total\{door="http",reason="(silence|unread_time)"\} (\d+)$/gm)
    ]
    assert.strictEqual(
      cut.reduce((sum, [, , times]) => sum + Number(times), 0),
      gone
    )
    for (const { revisions } of slow) {
      assert.isBelow(revisions.length, UPDATES / 2)
      assert.deepStrictEqual(
        revisions,
        [...new Set(revisions)].sort((a, b) => a - b)
      )
    }
    measured(77, `${SLOW} pages stop reading, 100 updates of 100 kB`, {
      "resident memory more": `${Math.round(grown / 1e6)} MB`,
      "updates a slow page got, at most": Math.max(...slow.map(({ revisions }) => revisions.length))
    })
    for (const { socket } of slow) socket.destroy()
    await healthy.close()
  })

  it("YB7 pages go on at another node when theirs leaves and when it is killed: nothing lost, nothing twice, nothing backwards", async () => {
    const nodes = await Nodes.start({ count: 2 })
    try {
      const [one, two] = nodes.servers as readonly [Server, Server]
      await two.publish("svc", 0)
      const seen = new Map<string, Array<number>>()
      const states: Array<string> = []
      const pages = await Promise.all(
        Array.from({ length: 20 }, async (_, n) => {
          const page = await connectPage([one.http, two.http], nodes.token, `page ${n}`, states)
          const its: Array<number> = []
          seen.set(`page ${n}`, its)
          page.watch<number>("svc", { apply: (value) => void its.push(value as number) })
          return page
        })
      )
      let newest = 0
      const missing: Array<string> = []
      const during = async (server: Server, what: () => Promise<unknown>) => {
        let done = false
        const ending = what().then(() => {
          done = true
        })
        while (!done) {
          const { status, body } = await server.publish("svc", newest + 1, {}, { "idempotency-key": `n${newest + 1}` })
          assert.strictEqual(status, 200, JSON.stringify(body))
          newest++
          for (const page of pages) if (page.get("svc") === undefined) missing.push("a value")
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
        await ending
      }
      const all = (what: string) =>
        waitUntil(what, () => pages.every((page) => page.state === "live" && page.get("svc") === newest))
      const from = performance.now()
      await during(two, async () => assert.strictEqual(await one.end("SIGTERM"), 0))
      await all("all to have gone on at the other")
      const left = performance.now() - from
      assert.notInclude(states, "failed")
      await one.start()
      const killed = performance.now()
      await during(one, () => two.end("SIGKILL"))
      await all("all to have gone on after the kill")
      measured(77, "20 pages: their node leaves, and the next one is killed", {
        "left to all live with the newest": seconds(left),
        "killed to all live with the newest": seconds(performance.now() - killed)
      })
      assert.isEmpty(missing)
      for (const its of seen.values()) {
        assert.strictEqual(its.at(-1), newest)
        assert.deepStrictEqual(
          its,
          [...new Set(its)].sort((a, b) => a - b)
        )
      }
      for (const page of pages) await page.close()
    } finally {
      await nodes[Symbol.asyncDispose]()
    }
  })
})
