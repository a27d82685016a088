import { EventEmitter, once } from "node:events"
import { type ClientHttp2Session, connect } from "node:http2"
import { gzipSync } from "node:zlib"
import { afterEach, assert, describe, it, vi } from "@effect/vitest"
import { guard } from "../../../layers/Grpc/Gate.ts"
import { SubscribeRequest } from "../../../proto/generated/herald/distribution/v1/distribution.ts"
import { Door, frame } from "../../support/Door.ts"
import { acks, call, counted, dial, looks, SERVICE } from "../../support/Stranger.ts"
import { waitUntil } from "../../support/waitUntil.ts"

const ignore = () => {}
const refuseNothing = ignore

let door: Door | undefined
const open = async (limits: Parameters<typeof Door.open>[0] = {}) => (door = await Door.open(limits))
afterEach(async () => {
  vi.restoreAllMocks()
  await door?.close()
})

/** Calls on until its connection is closed: what is allowed in a time comes back with it, however slow the machine is. */
const goesOn = (session: ClientHttp2Session, calls: () => unknown) => () => {
  for (let i = 0; i < 100 && !session.destroyed; i++) calls()
  return session.destroyed
}

describe("Gate", () => {
  it("D3 300 kilobytes that would unpack to 300 megabytes are not unpacked, with a token or without", async () => {
    const { address, token } = await open({ maxStreams: 400 })
    const looked = looks()
    const session = dial(address)
    const packed = frame(gzipSync(acks(1_048_570)), { flag: 1 })
    const headers = { "grpc-encoding": "gzip" }
    const calls = Array.from({ length: 300 }, (_, i) =>
      call(session, `${SERVICE}/Subscribe`, packed, {
        ...headers,
        ...(i % 2 === 0 ? {} : { authorization: `Bearer ${token}` })
      })
    )
    await waitUntil("300 ends", () => calls.every(({ closed }) => closed))
    session.destroy()

    assert.strictEqual(looked(), 0)
    assert.deepStrictEqual([...new Set(calls.map(({ grpc }) => grpc))], ["12"])
  })

  it("D4 a call that was answered is over, although its client never ends it", async () => {
    const { address } = await open({ ending: { answered: 50, unread: 60_000 } })
    const session = dial(address)
    const refused = counted("grpc", "no_token")
    const calls = Array.from({ length: 20 }, () => call(session, `${SERVICE}/Subscribe`, frame(acks(100_000))))
    await waitUntil("20 ends", () => calls.every(({ closed }) => closed))
    session.destroy()

    assert.deepStrictEqual([...new Set(calls.map(({ grpc }) => grpc))], ["16"])
    assert.strictEqual(await refused(), 20)
  })

  it("D4 a call that ended is over, although its client reads nothing of what was said", async () => {
    const { address, token } = await open({ ending: { answered: 60_000, unread: 50 } })
    await door!.publish("svc", "x".repeat(200_000))
    const hello = SubscribeRequest.fromPartial({ serviceName: "svc", instanceId: "i1", control: true })
    const session = connect(`http://${address}`, { settings: { initialWindowSize: 1_000 } })
    session.on("error", () => {})
    const unread = () => {
      const stream = session.request({
        ":method": "POST",
        ":path": `/${SERVICE}/Subscribe`,
        "content-type": "application/grpc",
        te: "trailers",
        authorization: `Bearer ${token}`
      })
      stream.on("error", () => {})
      stream.pause()
      stream.write(frame(SubscribeRequest.encode(hello).finish()))
      return stream
    }
    const replaced = unread()
    await once(replaced, "response")
    const present = unread()
    await once(present, "response")
    await waitUntil("the end of the call whose session was replaced", () => replaced.rstCode === 11)

    assert.isFalse(present.closed)
    session.destroy()
  })

  it("D5 a connection that goes on calling with wrong tokens is closed; those with right ones stay", async () => {
    const { address, token } = await open({ maxStreams: 5_000 })
    const [stranger, known] = [dial(address), dial(address)]
    const refused = counted("grpc", "strangers")
    const body = frame(new Uint8Array())
    const right = { authorization: `Bearer ${token}` }
    const before = Array.from({ length: 600 }, () => call(known, `${SERVICE}/Subscribe`, body, right))
    for (let i = 0; i < 600; i++) call(stranger, `${SERVICE}/Subscribe`, body)
    await waitUntil(
      "the stranger's end",
      goesOn(stranger, () => call(stranger, `${SERVICE}/Subscribe`, body))
    )
    await waitUntil("the ends of those with a token", () => before.every(({ closed }) => closed))

    assert.isFalse(known.destroyed)
    assert.strictEqual(await refused(), 1)
    assert.notInclude(
      before.map(({ grpc }) => grpc),
      "16"
    )
    known.destroy()
  })

  it("D5 so is one that goes on calling what is refused without a look at any token", async () => {
    const { address } = await open({ maxStreams: 5_000, openCalls: { ofConnection: 8, ofAddress: 8, inAll: 8 } })
    const refusedCalls: ReadonlyArray<readonly [method: string, headers: Record<string, string>]> = [
      [`${SERVICE}/Subscribe`, { "grpc-encoding": "gzip" }],
      [`${SERVICE}/Nothing`, {}],
      ["nobody.Service/Nothing", {}],
      [`${SERVICE}/Subscribe`, { "content-type": "text/plain" }],
      ["grpc.health.v1.Health/Watch", {}]
    ]
    const refused = counted("grpc", "strangers")
    for (const [method, headers] of refusedCalls) {
      const stranger = dial(address)
      const calls = () => call(stranger, method, frame(new Uint8Array()), headers)
      for (let i = 0; i < 600; i++) calls()
      await waitUntil(`the end of one who calls ${method}`, goesOn(stranger, calls))
    }
    assert.strictEqual(await refused(), refusedCalls.length)
  })

  it("G11 connections and calls that come all at once begin each in its turn; who left or broke meanwhile does not", () => {
    const server = new EventEmitter()
    const steps: Array<() => void> = []
    const options = { maxConnections: 10, perAddress: 10, exempt: [], services: [SERVICE] }
    guard(server, options, refuseNothing, (step) => void steps.push(step))
    const begun: Array<unknown> = []
    server.on("connection", (socket) => begun.push(socket))
    server.on("stream", (stream) => begun.push(stream))
    const [first, left, broken, stream] = Array.from({ length: 4 }, () =>
      Object.assign(new EventEmitter(), { destroyed: false, remoteAddress: "127.0.0.1", end: () => {} })
    )
    for (const socket of [first, left, broken]) server.emit("connection", socket)
    server.emit("stream", stream, {})
    const before = begun.length
    left!.destroyed = true
    broken!.destroyed = true
    broken!.emit("error", new Error("reset by its peer"))
    for (const step of steps) step()

    assert.strictEqual(before, 0)
    assert.deepStrictEqual(begun, [first, stream])
    assert.strictEqual(first!.listenerCount("error"), 0)
  })

  it("D6 calls that wait for their turn are limited, of an address and in all; what is beyond is refused unread, and a flood of it ends the connection", () => {
    const server = new EventEmitter()
    const steps: Array<() => void> = []
    const reasons: Array<string> = []
    const options = { maxConnections: 1_000, perAddress: 200, exempt: ["10.0.0.1"], services: [SERVICE] }
    guard(
      server,
      options,
      (reason) => void reasons.push(reason),
      (step) => void steps.push(step)
    )
    const begun = new Set<unknown>()
    server.on("stream", (stream) => begun.add(stream))
    const dialled = (remoteAddress: string) => {
      const session = Object.assign(new EventEmitter(), {
        socket: { remoteAddress },
        destroyed: false,
        goaway: () => {},
        destroy: () => {
          session.destroyed = true
        }
      })
      server.emit("session", session)
      const refused: Array<number> = []
      const ask = (n: number) => {
        for (let i = 0; i < n; i++) {
          const close = (code: number) => void refused.push(code)
          server.emit(
            "stream",
            Object.assign(new EventEmitter(), { session, destroyed: false, close, end: ignore }),
            {}
          )
        }
      }
      return { session, ask, refused }
    }
    const [flood, more, beside, proxy] = [
      dialled("1.1.1.1"),
      dialled("1.1.1.1"),
      dialled("2.2.2.2"),
      dialled("10.0.0.1")
    ]
    flood.ask(600)
    more.ask(200)
    beside.ask(1)
    proxy.ask(1_299)
    proxy.ask(1)
    const waiting = steps.length
    const early = begun.size
    flood.ask(101)
    for (const step of steps.splice(0)) step()
    more.ask(700)

    assert.deepStrictEqual([early, waiting, begun.size], [0, 700 + 1 + 1_299, 700 + 1 + 1_299])
    assert.deepStrictEqual(
      [flood, more, beside, proxy].map(({ refused }) => refused.length),
      [101, 100, 0, 1]
    )
    assert.deepStrictEqual([...new Set(flood.refused)], [7])
    assert.deepStrictEqual(
      [flood, more, beside, proxy].map(({ session }) => session.destroyed),
      [true, false, false, false]
    )
    assert.strictEqual(steps.length, 700) // what was given back is free
    assert.deepStrictEqual([...new Set(reasons)].sort(), ["strangers", "waiting", "waiting_of_address"])
  })
})
