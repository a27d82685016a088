import { EventEmitter, once } from "node:events"
import { connect } from "node:http2"
import { gzipSync } from "node:zlib"
import { afterEach, assert, describe, it, vi } from "@effect/vitest"
import { guard } from "../../../layers/Grpc/Gate.ts"
import { SubscribeRequest } from "../../../proto/generated/herald/distribution/v1/distribution.ts"
import { Door, frame } from "../../edge/grpc/Door.ts"
import { acks, call, counted, dial, looks, SERVICE } from "../../edge/grpc/Stranger.ts"
import { waitUntil } from "../../support/waitUntil.ts"

const refuseNothing = () => {}

let door: Door | undefined
const open = async (limits: Parameters<typeof Door.open>[0] = {}) => (door = await Door.open(limits))
afterEach(async () => {
  vi.restoreAllMocks()
  await door?.close()
})

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
    const { address } = await open()
    const session = dial(address)
    const refused = counted("grpc", "no_token")
    const calls = Array.from({ length: 20 }, () => call(session, `${SERVICE}/Subscribe`, frame(acks(100_000))))
    await waitUntil("20 ends", () => calls.every(({ closed }) => closed))
    session.destroy()

    assert.deepStrictEqual([...new Set(calls.map(({ grpc }) => grpc))], ["16"])
    assert.strictEqual(await refused(), 20)
  })

  it("D4 a call that ended is over, although its client reads nothing of what was said", async () => {
    const { address, token } = await open()
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
    await waitUntil("the stranger's end", () => stranger.destroyed)
    await waitUntil("the ends of those with a token", () => before.every(({ closed }) => closed))

    assert.isFalse(known.destroyed)
    assert.strictEqual(await refused(), 1)
    assert.notInclude(
      before.map(({ grpc }) => grpc),
      "16"
    )
    known.destroy()
  })

  it("G11 connections and calls that come all at once begin each in its turn; who left or broke meanwhile does not", () => {
    const server = new EventEmitter()
    const steps: Array<() => void> = []
    const options = { maxConnections: 10, perAddress: 10, exempt: [] }
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
})
