/** What someone without a token can make the gRPC door do: next to nothing, however often. */
import { type ClientHttp2Session, connect } from "node:http2"
import { afterEach, assert, describe, it, vi } from "@effect/vitest"
import { Client, Door, frame, raw } from "../../support/Door.ts"
import { acks, type Call, call, counted, dial, looks, SERVICE } from "../../support/Stranger.ts"
import { waitUntil } from "../../support/waitUntil.ts"

let door: Door | undefined
const open = async (limits: Parameters<typeof Door.open>[0] = {}) => (door = await Door.open(limits))
afterEach(async () => {
  vi.restoreAllMocks()
  await door?.close()
})

describe("a call without a token", () => {
  it("G5 300 messages of 256 KiB on one connection: none is decoded, all are refused, a client beside goes on", async () => {
    const { address } = await open({ maxStreams: 400 })
    using beside = new Client(door!, {})
    await door!.publish("svc", "before")
    await beside.has("before")
    const looked = looks()
    const refused = counted("grpc", "no_token")
    const session = dial(address)
    const body = frame(acks(262_144))
    const calls = Array.from({ length: 300 }, () => call(session, `${SERVICE}/Subscribe`, body))
    await waitUntil("300 answers", () => calls.every(({ grpc }) => grpc !== undefined))
    const after = looked()
    session.destroy()
    await door!.publish("svc", "after")
    await beside.has("after")

    assert.strictEqual(after, 0)
    assert.deepStrictEqual([...new Set(calls.map(({ grpc }) => grpc))], ["16"])
    assert.strictEqual(await refused(), 300) // RF1
  })

  it("G5 a role that subscribes to nothing is refused before it is read", async () => {
    await open()
    const viewer = await door!.key("viewer")
    const looked = looks()
    const answers = await Promise.all(
      ["Subscribe", "Heartbeat", "ReportHealth"].map((method) =>
        raw(door!, `${SERVICE}/${method}`, frame(acks(1_000)), { authorization: `Bearer ${viewer}` })
      )
    )

    assert.deepStrictEqual(
      answers.map(({ grpc, code }) => [grpc, code]),
      Array.from({ length: 3 }, () => ["7", "HRLD-3002"])
    )
    assert.strictEqual(looked(), 0)
  })
})

describe("what is no message", () => {
  it("G9 is the caller's fault at every service, those that need no token too", async () => {
    await open()
    const garbage = frame(Buffer.from([0xff, 0xff, 0xff, 0xff]))
    const admin = { authorization: `Bearer ${await door!.key("admin")}` }
    const answers = []
    for (const [method, headers] of [
      ["grpc.health.v1.Health/Check", {}],
      ["grpc.health.v1.Health/Watch", {}],
      ["grpc.reflection.v1.ServerReflection/ServerReflectionInfo", {}],
      ["grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", {}],
      [`${SERVICE}/Subscribe`, admin],
      [`${SERVICE}/Heartbeat`, admin],
      [`${SERVICE}/ReportHealth`, admin]
    ] as const)
      answers.push([method, (await raw(door!, method, garbage, headers)).grpc])

    assert.deepStrictEqual(
      answers.filter(([, code]) => code !== "3"),
      []
    )
  })
})

describe("a call with a token", () => {
  it("G8 131,072 empty acks, held keys and labels are counted before one is made", async () => {
    await open()
    const looked = looks()
    const of = (tag: number) => frame(Buffer.alloc(262_144, Buffer.from([tag, 0])))
    const refused = counted("grpc", "malformed")
    const first = await Promise.all([0x5a, 0x42, 0x32, 0x22].map((tag) => raw(door!, `${SERVICE}/Subscribe`, of(tag))))
    const metrics = await raw(door!, `${SERVICE}/ReportHealth`, of(0x3a))

    assert.strictEqual(await refused(), 5)
    for (const { grpc, code } of [...first, metrics]) assert.deepStrictEqual([grpc, code], ["3", "HRLD-1001"])
    assert.strictEqual(looked(), 0)
  })
})

describe("calls that need no token", () => {
  const WATCH = "grpc.health.v1.Health/Watch"
  const watch = (session: ClientHttp2Session) => call(session, WATCH, frame(Buffer.alloc(0)))
  const full = (calls: ReadonlyArray<Call>) => calls.filter(({ grpc }) => grpc === "8").length
  /** Watches answer once they are let in, and stay. The last byte of a request is what a handler waits for. */
  const watching = (session: ClientHttp2Session, n: number) => Array.from({ length: n }, () => watch(session))

  it("G6 are limited on a connection, by address and in all; those that are open stay, and a place that is left is free", async () => {
    const { address } = await open({ openCalls: { ofConnection: 2, ofAddress: 5, inAll: 100 } })
    const refused = counted("grpc", "open_calls_of_connection")
    const [one, two, three] = [dial(address), dial(address), dial(address)]
    const ofOne = watching(one, 5)
    await waitUntil("three to be refused", () => full(ofOne) === 3)
    const ofTwo = watching(two, 2)
    const ofThree = watching(three, 2)
    await waitUntil("one to be refused", () => full([...ofTwo, ...ofThree]) === 1)
    one.destroy()
    const four = dial(address) // which of the others was refused, nobody knows
    await waitUntil("a place", async () => {
      const again = call(four, WATCH, frame(Buffer.alloc(0)), {}, true)
      await waitUntil("an answer", () => again.heard)
      return again.grpc === undefined
    })
    const check = await raw(door!, `${SERVICE}/Heartbeat`, frame(Buffer.alloc(0)))

    assert.strictEqual(full(ofOne), 3)
    assert.strictEqual(check.grpc, "3") // whoever has a token is heard
    assert.strictEqual(await refused(), 3)
    for (const session of [two, three, four]) session.destroy()
  })

  it("G6 end after their time", async () => {
    const { address } = await open({ openCalls: { watch: 10, other: 10 }, ending: { answered: 50, unread: 60_000 } })
    const session = dial(address)
    const calls = [
      watch(session),
      call(session, "grpc.reflection.v1.ServerReflection/ServerReflectionInfo", frame(Buffer.alloc(0)))
    ]
    await waitUntil("both to end", () => calls.every(({ closed }) => closed))
    session.destroy()

    assert.deepStrictEqual(
      calls.map(({ grpc }) => grpc),
      ["14", "14"]
    )
  })

  it("G6 end after their time, although a message still comes, byte by byte, and never ends", async () => {
    const { address } = await open({ openCalls: { watch: 50, other: 50 }, ending: { answered: 50, unread: 60_000 } })
    const refused = counted("grpc", "open_calls_time")
    const session = dial(address)
    const slow = [WATCH, "grpc.reflection.v1.ServerReflection/ServerReflectionInfo"].map((path) => {
      const headers = { ":method": "POST", ":path": `/${path}`, "content-type": "application/grpc", te: "trailers" }
      const stream = session.request(headers)
      stream.on("error", () => {})
      stream.resume()
      stream.write(Buffer.from([0, 0, 0, 64, 0])) // promises 16 KiB
      return stream
    })
    await waitUntil("both to end", () => {
      for (const stream of slow) if (!stream.closed && !stream.destroyed) stream.write(Buffer.from([10]))
      return slow.every(({ closed }) => closed)
    })
    const stays = !session.destroyed
    session.destroy()

    assert.isTrue(stays)
    assert.strictEqual(await refused(), 2)
  })

  it("G7 whoever asks reflection and does not read the answers is not read on", async () => {
    const { address } = await open()
    const session = connect(`http://${address}`, { settings: { initialWindowSize: 1_000 } })
    session.on("error", () => {})
    const stream = session.request({
      ":method": "POST",
      ":path": "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
      "content-type": "application/grpc",
      te: "trailers"
    })
    stream.on("error", () => {})
    stream.pause()
    // file_containing_symbol: the answer is some ten thousand bytes, the question seventy
    const question = frame(Buffer.concat([Buffer.from([0x22, SERVICE.length]), Buffer.from(SERVICE)]))
    const much = Buffer.concat(Array.from({ length: 4_000 }, () => question))
    stream.write(much)
    await new Promise((resolve) => stream.once("response", resolve))
    // A client beside is served meanwhile, so the server had its turns.
    for (let i = 0; i < 20; i++) await raw(door!, `${SERVICE}/Heartbeat`, frame(Buffer.alloc(0)))
    const unsent = stream.writableLength

    assert.isAbove(unsent, 100_000)
    session.destroy()
  })
})
