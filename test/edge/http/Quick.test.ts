/** The short way against the way of all requests, at a real door: the same request in two spellings that mean the same. */
import { connect } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, ManagedRuntime, Tracer } from "effect"
import { afterAll, beforeAll } from "vitest"
import * as HttpServer from "../../../layers/Http/HttpServer.ts"
import { Access } from "../../../src/access/Access.ts"
import { CurrentIdentity, type Role, system } from "../../../src/access/Identity.ts"
import { serve } from "../../../src/edge/http/Http.ts"
import { type Quick, QuickDoor } from "../../../src/edge/http/Quick.ts"
import { http } from "../../../src/node/Node.ts"
import { node, stores, type TestNodeOptions } from "../../../src/testing.ts"
import { waitUntil } from "../../support/waitUntil.ts"

const SINGLE = "/ofrep/v1/evaluate/flags"
/** The short way knows the usual spelling of the type alone. */
const SHORT = "application/json"
const LONG = 'application/json; charset="utf-8"'

interface Answer {
  readonly status: number
  readonly headers: ReadonlyArray<readonly [string, string]>
  readonly body: string
}

/** `taken`: how many requests went the short way. */
const openDoor = async (options: Partial<TestNodeOptions> = {}, also: Layer.Layer<never> = Layer.empty) => {
  const seen = { taken: 0, answered: 0 }
  /** The door's own short way, counted. */
  const counting = Layer.effect(
    QuickDoor,
    Effect.map(QuickDoor, (door) => ({
      open: (quick: Quick) =>
        door.open((source, answer, otherwise) => {
          const said: typeof answer = (one) => {
            seen.answered++
            answer(one)
          }
          const taken = quick(source, said, otherwise)
          if (taken) seen.taken++
          return taken
        })
    }))
  )
  const runtime = ManagedRuntime.make(
    serve(http).pipe(
      Layer.provide(counting),
      Layer.provideMerge(HttpServer.layer({ host: "127.0.0.1", port: 0 })),
      Layer.provideMerge(Layer.fresh(node(options).pipe(Layer.provideMerge(stores)))),
      Layer.provide(also)
    )
  )
  const port = await runtime.runPromise(HttpServer.boundPort)
  const mint = (name: string, role: Role, environments: ReadonlyArray<string>) =>
    runtime.runPromise(
      Effect.flatMap(Access, (access) => access.createKey({ name, role, environments, expiresAt: null })).pipe(
        Effect.provideService(CurrentIdentity, system)
      )
    )
  const url = `http://127.0.0.1:${port}`
  const admin = (await mint("admin", "admin", ["*"])).token
  const put = async (flag: string, value: unknown) => {
    const answer = await fetch(`${url}/v1/flags/${flag}?environment=production`, {
      method: "PUT",
      headers: { authorization: `Bearer ${admin}`, "content-type": SHORT },
      body: JSON.stringify({ value })
    })
    assert.strictEqual(answer.status, 200, await answer.text())
  }
  const ask = async (path: string, body: string, headers: Record<string, string>): Promise<Answer> => {
    const answer = await fetch(`${url}${path}`, { method: "POST", body, headers })
    const said = [...answer.headers].filter(([name]) => name !== "date" && name !== "ratelimit").sort()
    return { status: answer.status, headers: said, body: (await answer.text()).replace(/"traceId":"\w+"/, "") }
  }
  return { seen, ask, put, mint, admin, port, url, runtime }
}

let door: Awaited<ReturnType<typeof openDoor>>
const variants = { on: true, off: false }
const rule = { if: [{ "==": [{ var: "plan" }, "pro"] }, "on"] }
const fill = async (to: typeof door) => {
  await to.put("rule", { state: "ENABLED", variants, defaultVariant: "off", targeting: rule, metadata: { team: "é" } })
  await to.put("dark", { state: "DISABLED", variants, defaultVariant: "off" })
  await to.put("wrong", { state: "ENABLED", variants, defaultVariant: "off", targeting: { var: "v" } })
  await to.put("long", { state: "ENABLED", variants: { a: "x".repeat(2_000) }, defaultVariant: "a" })
}
beforeAll(async () => {
  door = await openDoor()
  await fill(door)
})
afterAll(() => door.runtime.dispose())

describe("the short way", () => {
  it("QK1, QK2 answers every request as the way of all requests does, and takes the usual ones", async () => {
    const { token } = await door.mint("staging", "subscriber", ["staging"])
    const gone = await door.mint("gone", "subscriber", ["production"])
    await fetch(`${door.url}/v1/keys/${gone.key.id}`, {
      method: "DELETE",
      headers: { authorization: `Bearer ${door.admin}` }
    })
    const pro = '{"context":{"plan":"pro"}}'
    const by = (token: string) => ({ authorization: `Bearer ${token}` })
    const own = by(door.admin)
    const cases: ReadonlyArray<readonly [path: string, body: string, Record<string, string>, answered: boolean]> = [
      ["rule", pro, own, true],
      ["rule", "{}", own, true],
      ["rule", '{"context":{"plan":"pro"},"newer":1}', { "x-api-key": door.admin }, true],
      ["rule", pro, { ...own, "flagd-selector": "flagSetId=production" }, true],
      ["dark", pro, own, true],
      ["gone", pro, own, true],
      ["wrong", '{"context":{"v":"blue"}}', own, true],
      ["rule", '{"context":{"é":"ü","plan":"pro"}}', own, true],
      // With a body that says something is wrong, or an answer that may be compressed.
      ["long", pro, own, false],
      ["rule", '{"context":[1]}', own, false],
      ["rule", "[]", own, false],
      ["rule", "{ no JSON", own, false],
      ["rule", '{"context":{"__proto__":{"plan":"pro"}}}', own, false],
      ["rule", '{"context":{"a":1,"a":2}}', own, false],
      ["rule", "", own, false],
      ["rule", `{"context":{"a":"${"x".repeat(70_000)}"}}`, own, false],
      // By who may not.
      ["rule", pro, {}, false],
      ["rule", pro, by("hrld_0_1"), false],
      ["rule", pro, by(`hrld_${"a".repeat(16)}_${"b".repeat(64)}`), false],
      ["rule", pro, by(gone.token), false],
      ["rule", pro, { ...by(token), "flagd-selector": "flagSetId=production" }, false],
      ["rule", pro, { ...own, "flagd-selector": "flag=x" }, false],
      // Of another form.
      ["team%2Fone", pro, own, false],
      ["rule?x=1", pro, own, false],
      ["", pro, own, false]
    ]
    for (const [flag, body, headers, answered] of cases) {
      const before = { ...door.seen }
      const short = await door.ask(`${SINGLE}/${flag}`, body, { ...headers, "content-type": SHORT })
      assert.strictEqual(door.seen.answered - before.answered, answered ? 1 : 0, `${flag} ${body.slice(0, 60)}`)
      const taken = door.seen.taken
      const long = await door.ask(`${SINGLE}/${flag}`, body, { ...headers, "content-type": LONG })
      assert.strictEqual(door.seen.taken, taken)
      assert.deepStrictEqual(short, long, `${flag} ${body.slice(0, 60)}`)
    }
  })

  it("QK1 a body in pieces is the same body, and one that breaks off is nobody's", async () => {
    const body = JSON.stringify({ context: { plan: "pro", name: "é" } })
    const head = `POST ${SINGLE}/rule HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${door.admin}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`
    const whole = await raw(door.port, [`${head}Connection: close\r\n\r\n`, ...Buffer.from(body).toString("latin1")])
    assert.match(whole, /^HTTP\/1\.1 200 [\s\S]*"variant":"on"/)

    const answered = door.seen.answered
    const taken = door.seen.taken
    const socket = connect(door.port, "127.0.0.1", () => socket.write(`${head}\r\n{"con`))
    await waitUntil("the short way to have it", () => door.seen.taken > taken)
    socket.destroy()
    const after = await door.ask(`${SINGLE}/rule`, body, {
      authorization: `Bearer ${door.admin}`,
      "content-type": SHORT
    })
    assert.deepStrictEqual([after.status, door.seen.answered], [200, answered + 1])
  })

  it("QK2 it counts in the same rate and the same metrics", async () => {
    const few = await openDoor({ ratePerSecond: 0.001, rateBurst: 40 })
    await fill(few)
    const { token } = await few.mint("few", "subscriber", ["production"])
    const ask = (type: string) =>
      few.ask(`${SINGLE}/rule`, "{}", { authorization: `Bearer ${token}`, "content-type": type })
    const statuses: Array<number> = []
    // Each costs one, and one for its body.
    for (let n = 0; n < 11; n++) for (const type of [SHORT, LONG]) statuses.push((await ask(type)).status)
    assert.deepStrictEqual(statuses, [...Array(20).fill(200), 429, 429])
    assert.strictEqual(few.seen.answered, 10)
    const metrics = await (await fetch(`${few.url}/metrics`)).text()
    const counted =
      /^herald_http_request_seconds_count\{method="POST",route="\/ofrep\/v1\/evaluate\/flags\/:flag"\} (\d+)/m.exec(
        metrics
      )
    assert.strictEqual(counted?.[1], "22")
    await few.runtime.dispose()
  })

  it("QK1 a body that is no good is counted once, though it goes both ways", async () => {
    const few = await openDoor({ ratePerSecond: 0.001, rateBurst: 20 })
    const { token } = await few.mint("few", "subscriber", ["production"])
    const statuses: Array<number> = []
    for (let n = 0; n < 11; n++) {
      const headers = { authorization: `Bearer ${token}`, "content-type": SHORT }
      statuses.push((await few.ask(`${SINGLE}/rule`, "{ no JSON", headers)).status)
    }
    assert.deepStrictEqual(statuses, [...Array(10).fill(400), 429])
    await few.runtime.dispose()
  })

  it("QK3 where spans are kept, and for a request with a trace, it takes nothing", async () => {
    const before = door.seen.taken
    const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`
    const own = { authorization: `Bearer ${door.admin}`, "content-type": SHORT }
    assert.strictEqual((await door.ask(`${SINGLE}/rule`, "{}", { ...own, traceparent })).status, 200)
    assert.strictEqual(door.seen.taken, before)

    const names: Array<string> = []
    const tracer = Tracer.make({
      span: (options) => {
        names.push(options.name)
        return new Tracer.NativeSpan(options)
      }
    })
    const traced = await openDoor({}, Layer.succeed(Tracer.Tracer, tracer))
    await fill(traced)
    names.length = 0
    await traced.ask(`${SINGLE}/rule`, "{}", { authorization: `Bearer ${traced.admin}`, "content-type": SHORT })
    assert.strictEqual(traced.seen.taken, 0)
    assert.isNotEmpty(names)
    await traced.runtime.dispose()
  })
})

/** Sends these pieces one after the other; what came back. */
const raw = (port: number, pieces: ReadonlyArray<string>): Promise<string> =>
  new Promise((resolve, reject) => {
    let said = ""
    const socket = connect({ port, host: "127.0.0.1", noDelay: true }, () => {
      const next = (n: number): void => {
        if (n < pieces.length) socket.write(Buffer.from(pieces[n]!, "latin1"), () => setImmediate(() => next(n + 1)))
      }
      next(0)
    })
    socket.on("data", (bytes) => void (said += bytes))
    socket.on("close", () => resolve(said))
    socket.on("error", reject)
  })
