import { once } from "node:events"
import { createServer, type RequestListener } from "node:http"
import type { AddressInfo } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { layer, type ProbeOptions } from "../../../../layers/Webhook/owners/Probe.ts"
import type { Answer, Question } from "../../../../src/owners/External.ts"
import { Probe } from "../../../../src/owners/Probe.ts"

const serving = async (listener: RequestListener) => {
  const server = createServer(listener).listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    address,
    url: `http://${address}/api`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
    }
  }
}

const ask = (url: string, options: ProbeOptions, more: Partial<Question> = {}): Promise<Answer> =>
  Effect.runPromise(
    Effect.flatMap(Probe, (probe) =>
      probe.ask({ method: "POST", url, headers: { accept: "a/b" }, body: "q=ü", timeoutMillis: 5_000, ...more })
    ).pipe(Effect.provide(layer(options)))
  )

describe("probing", () => {
  it("asks as it is told to, and keeps the answer", async () => {
    const seen: Array<string> = []
    await using server = await serving((request, response) => {
      let body = ""
      request.setEncoding("utf8").on("data", (chunk) => {
        body += chunk
      })
      request.on("end", () => {
        seen.push(`${request.method} ${request.url} ${request.headers.accept} ${body}`)
        response.writeHead(202).end("grün")
      })
    })
    const near = { near: [server.address] }
    assert.deepStrictEqual(await ask(server.url, near), { kind: "answered", status: 202, body: "grün" })
    await ask(server.url, near, { method: "GET", body: undefined })
    assert.deepStrictEqual(seen, ["POST /api a/b q=ü", "GET /api a/b "])
  })

  it("PU1 it goes to public addresses by https alone, but for those that are listed", async () => {
    let asked = 0
    await using server = await serving((_, response) => {
      asked++
      response.end("secret")
    })
    const port = server.address.split(":")[1]
    const whyOf = async (url: string, options: Partial<ProbeOptions> = {}) => {
      const answer = await ask(url, { near: [], ...options })
      return answer.kind === "forbidden" ? answer.why : answer.kind
    }
    assert.include(await whyOf(server.url), "by https alone, unless ROLLOUTS_NEAR lists it")
    assert.include(
      await whyOf(`https://127.0.0.1:${port}/`),
      "not a public address, and ROLLOUTS_NEAR does not list it"
    )
    assert.include(await whyOf(`https://[::1]:${port}/`), "not a public address")
    const metadata = { resolve: async () => ["169.254.169.254"] }
    assert.include(await whyOf("https://prometheus.example/", metadata), "169.254.169.254")
    const mixed = { resolve: async () => ["1.1.1.1", "10.0.0.1"] }
    assert.include(await whyOf("https://prometheus.example/", mixed), "10.0.0.1")
    assert.include(await whyOf(server.url, { near: ["127.0.0.1:1"] }), "by https alone")
    assert.strictEqual(asked, 0)
    const inside = { near: [`prometheus:${port}`], resolve: async () => ["127.0.0.1"] }
    assert.strictEqual(await whyOf(`http://Prometheus:${port}/`, inside), "answered")
    assert.strictEqual(asked, 1)
  })

  it("PU2 no redirect is followed, a long answer is none, and it ends in time", async () => {
    let asked = 0
    await using server = await serving((request, response) => {
      asked++
      if (request.url === "/long") response.end("x".repeat(70_000))
      else if (request.url === "/endless") {
        const more = () => response.write("x".repeat(1_000), () => setImmediate(more))
        more()
      } else if (request.url === "/broken") {
        response.writeHead(200, { "content-length": 10 })
        response.write("x", () => response.destroy())
      } else if (request.url === "/slow") response.write("x")
      else if (request.url === "/away") response.writeHead(302, { location: "/inside" }).end()
    })
    const at = (path: string, timeoutMillis = 5_000) =>
      ask(`http://${server.address}${path}`, { near: [server.address] }, { timeoutMillis })
    assert.deepInclude(await at("/away"), { kind: "answered", status: 302 })
    assert.deepStrictEqual(await at("/long"), { kind: "unreachable", why: "the answer is longer than 64 KiB" })
    assert.deepStrictEqual(await at("/endless"), { kind: "unreachable", why: "the answer is longer than 64 KiB" })
    assert.strictEqual((await at("/broken")).kind, "unreachable")
    assert.deepInclude(await at("/slow", 50), { kind: "unreachable", why: "no answer within 50ms" })
    assert.deepInclude(await at("/silent", 50), { kind: "unreachable" })
    assert.strictEqual(asked, 6, "what it was sent to was not asked")
    const hangs = { near: ["a:80"], resolve: () => new Promise<never>(() => {}) }
    assert.strictEqual((await ask("http://a/", hangs, { timeoutMillis: 50 })).kind, "unreachable")
    const fails = { near: ["a:80"], resolve: () => Promise.reject(new Error("no such name")) }
    assert.deepStrictEqual(await ask("http://a/", fails), { kind: "unreachable", why: "no such name" })
  })

  it("PU3 one more than a node has open is not asked, and the places are given back", async () => {
    let asked = 0
    const resolve = () => {
      asked++
      return new Promise<never>(() => {})
    }
    const question = { method: "POST", url: "http://a/", headers: {}, body: "", timeoutMillis: 300 } as const
    const many = Effect.flatMap(Probe, (probe) =>
      Effect.all(
        Array.from({ length: 300 }, () => probe.ask(question)),
        { concurrency: "unbounded" }
      )
    )
    const answers = await Effect.runPromise(
      Effect.zip(many, many).pipe(Effect.provide(layer({ near: ["a:80"], resolve })))
    )
    for (const all of answers)
      assert.lengthOf(
        all.filter((answer) => answer.kind === "unreachable" && answer.why.startsWith("256 gates")),
        44
      )
    assert.strictEqual(asked, 512)
  })
})
