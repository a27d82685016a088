/** Readers of topics at the gRPC door, as clients that nobody here wrote have it: grpc-js and generated code. */
import { zstdDecompressSync } from "node:zlib"
import { afterEach, assert, describe, it } from "@effect/vitest"
import { type ClientDuplexStream, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js"
import { Effect } from "effect"
import {
  EventBatch,
  Overflow,
  ReadRequest,
  type ReadResponse,
  TopicServiceClient
} from "../../../../proto/generated/herald/topics/v1/topics.ts"
import { failure } from "../../../../src/errors/HeraldError.ts"
import { ReadingDoor } from "../../../support/ReadingDoor.ts"
import { eventsOf, TestLog } from "../../../support/TestLog.ts"
import { waitUntil } from "../../../support/waitUntil.ts"

const closing: Array<() => void> = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

class Client {
  readonly got: Array<ReadResponse> = []
  readonly texts: Array<string> = []
  error: ServiceError | undefined
  readonly stream: ClientDuplexStream<ReadRequest, ReadResponse>
  /** Of responses, as they are encoded. */
  next = 0

  constructor(door: ReadingDoor, request: Partial<ReadRequest> | undefined, paused = false) {
    const client = new TopicServiceClient(`127.0.0.1:${door.port}`, credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1, // a connection of its own
      "grpc-node.flow_control_window": paused ? 65_535 : 4_194_304
    })
    const metadata = new Metadata()
    metadata.set("authorization", "Bearer any")
    this.stream = client.read(metadata)
    closing.push(() => {
      this.stream.cancel()
      client.close()
    })
    this.stream.on("error", (error: ServiceError) => (this.error = error))
    if (!paused) this.listen()
    if (request === undefined) return
    this.stream.write(
      ReadRequest.fromPartial({ topic: "t", start: { at: { $case: "earliest", value: true } }, ...request })
    )
  }

  listen(): void {
    this.stream.on("data", (response: ReadResponse) => this.#hear(response))
  }

  #hear(response: ReadResponse): void {
    this.got.push(response)
    if (response.what?.$case === "gap") this.next = Number(response.what.value.to)
    if (response.what?.$case !== "batch") return
    const batch = response.what.value
    if (batch.steps.length === 0) assert.strictEqual(Number(batch.firstOffset), this.next)
    const { events } = batch.compressed.length === 0 ? batch : EventBatch.decode(zstdDecompressSync(batch.compressed))
    this.next = Number(batch.nextOffset)
    for (const { payload } of events) this.texts.push(Buffer.from(payload).toString())
  }

  get kinds() {
    return this.got.map(({ what }) => what?.$case)
  }
}

const numbers = (from: number, count: number, width = 0) =>
  Array.from({ length: count }, (_, n) => `${from + n}`.padEnd(width, "."))

describe("Read", () => {
  it("BX27 TF2 replays and goes on live without a seam while others publish as fast as they can", async () => {
    await using door = await ReadingDoor.open({ ringBytes: 65_536 })
    const { id } = door.topics.create("t")
    const all = numbers(0, 20_000, 100)
    const publish = async (from: number, to: number) => {
      for (let at = from; at < to; at += 100) await door.append(id, 0, eventsOf(...all.slice(at, at + 100)))
    }
    await publish(0, 10_000)
    const publishing = publish(10_000, 20_000)
    const clients = Array.from({ length: 10 }, (_, n) => new Client(door, { acceptsZstd: n % 2 === 0 }))
    await publishing
    for (const client of clients) {
      await waitUntil("all events", () => client.texts.length >= all.length)
      assert.deepStrictEqual(client.texts, all)
      assert.strictEqual(client.kinds[0], "started")
      assert.strictEqual(client.kinds.filter((kind) => kind === "live").length, 1)
    }
  })

  it("BX12 one who reads nothing slows nobody, and takes no more memory than its transport has", async () => {
    await using door = await ReadingDoor.open({ ringBytes: 1_048_576 })
    const { id } = door.topics.create("t")
    const stalled = new Client(door, {}, true)
    const others = Array.from({ length: 29 }, () => new Client(door, {}))
    await waitUntil("all to be live", () => others.every(({ kinds }) => kinds.includes("live")))
    const all = numbers(0, 2_000, 1_000)
    for (let at = 0; at < all.length; at += 50) await door.append(id, 0, eventsOf(...all.slice(at, at + 50)))
    await waitUntil("the others to have all", () => others.every(({ texts }) => texts.length === all.length))
    assert.isBelow(stalled.texts.length, all.length)
    stalled.listen()
    await waitUntil("the stalled one to have all", () => stalled.texts.length === all.length)
    assert.deepStrictEqual(stalled.texts, all)
  })

  it("TF3 who says nothing is ended, and who closes its half listens on", async () => {
    await using door = await ReadingDoor.open()
    const { id } = door.topics.create("t")
    const silent = new Client(door, undefined)
    const half = new Client(door, {})
    half.stream.end()
    await waitUntil("it to be live", () => half.kinds.includes("live"))
    await door.append(id, 0, eventsOf("a"))
    await waitUntil("the event", () => half.texts.length === 1)
    const none = new Client(door, undefined)
    none.stream.end()
    await waitUntil("both to be ended", () => silent.error !== undefined && none.error !== undefined)
    assert.deepStrictEqual([silent.error!.code, none.error!.code], [status.INVALID_ARGUMENT, status.INVALID_ARGUMENT])
    assert.isUndefined(half.error)
  })

  it("TF4 a reader is sent what it granted", async () => {
    await using door = await ReadingDoor.open()
    const { id } = door.topics.create("t")
    const all = numbers(0, 1_000, 100)
    for (let at = 0; at < all.length; at += 100) await door.append(id, 0, eventsOf(...all.slice(at, at + 100)))
    const client = new Client(door, { grantedBytes: 1n })
    await waitUntil("the first message", () => client.kinds.length === 1)
    const other = new Client(door, {})
    await waitUntil("the other to have all", () => other.texts.length === all.length)
    assert.deepStrictEqual(client.kinds, ["started"])
    client.stream.write(ReadRequest.fromPartial({ grantedBytes: 30n }))
    await waitUntil("one more", () => client.texts.length > 0)
    assert.isBelow(client.texts.length, all.length)
    client.stream.write(ReadRequest.fromPartial({ grantedBytes: 10_000_000n }))
    await waitUntil("all", () => client.texts.length === all.length)
    assert.deepStrictEqual(client.texts, all)
  })

  it("TF5 who is over its rate opens nothing and is heard no further, until it isn't", async () => {
    let allowed = 0
    let taken = 0
    const wait = failure("RateLimited", "too often", { details: { retryAfterMillis: 1 } })
    const spend = () =>
      Effect.suspend(() => {
        if (taken >= allowed) return Effect.fail(wait)
        taken++
        return Effect.void
      })
    await using door = await ReadingDoor.open({}, {}, new TestLog(), spend)
    const { id } = door.topics.create("t")
    await door.append(id, 0, eventsOf(...numbers(0, 10)))
    const client = new Client(door, { grantedBytes: 1n })
    for (let n = 2; n < 40; n++) client.stream.write(ReadRequest.fromPartial({ grantedBytes: BigInt(n) }))
    await waitUntil("the call to be there", async () => client.stream.getPeer() !== "unknown")
    assert.strictEqual(await door.readers(), 0)
    allowed = 1
    await waitUntil("a reader", async () => (await door.readers()) === 1)
    assert.strictEqual(taken, 1)
    allowed = 1_000
    // Opened, and one for each message behind the first.
    await waitUntil("all messages to be heard", () => taken === 39)
    assert.isUndefined(client.error)
  })

  it("BX14 each overflow, over a connection that is not read", async () => {
    await using door = await ReadingDoor.open({ ringBytes: 65_536 })
    const { id } = door.topics.create("t")
    const kinds = [Overflow.OVERFLOW_CONFLATE, Overflow.OVERFLOW_DROP_OLDEST, Overflow.OVERFLOW_DISCONNECT] as const
    const clients = kinds.map((overflow) => new Client(door, { overflow }))
    await waitUntil("all to be live", () => clients.every(({ kinds }) => kinds.includes("live")))
    for (const { stream } of clients) stream.pause()
    const key = (n: number) => `k${n % 5}:${`${n}`.padEnd(1_000, ".")}`
    let sent = 0
    const [conflate, drop, leave] = clients as [Client, Client, Client]
    while ((await door.readers()) === 3) {
      const events = Array.from({ length: 100 }, () => key(sent++))
      await door.append(id, 0, eventsOf(...events))
      assert.isBelow(sent, 200_000)
    }
    for (const { stream } of clients) stream.resume()
    await waitUntil("it to be sent away", () => leave.error !== undefined)
    assert.strictEqual(leave.error!.code, status.RESOURCE_EXHAUSTED)
    assert.deepStrictEqual(leave.error!.metadata.get("herald-code"), ["HRLD-5040"])
    const last = key(sent - 1)
    await waitUntil("the newest", () => conflate.texts.at(-1) === last && drop.texts.at(-1) === last)
    for (let n = sent - 5; n < sent; n++) assert.include(conflate.texts, key(n))
    const left = conflate.got.reduce(
      (sum, { what }) => sum + (what?.$case === "batch" ? Number(what.value.leftOut) : 0),
      0
    )
    assert.strictEqual(conflate.texts.length + left, sent)
    const dropped = drop.got.reduce(
      (sum, { what }) => sum + (what?.$case === "gap" ? Number(what.value.to - what.value.from) : 0),
      0
    )
    assert.isAbove(dropped, 0)
    assert.strictEqual(drop.texts.length + dropped, sent)
  })

  it("TF1 what is wrong is refused with what is wrong, and a reader who leaves is forgotten", async () => {
    await using door = await ReadingDoor.open()
    door.topics.create("t", 2)
    const offset = { partition: 0, epoch: 5, offset: 9n }
    const offsets = (list: ReadonlyArray<typeof offset>) => ({
      start: { at: { $case: "offsets" as const, value: { offsets: [...list], othersEarliest: false } } }
    })
    const wrong: ReadonlyArray<readonly [Partial<ReadRequest>, number]> = [
      [{ topic: "../t" }, status.INVALID_ARGUMENT],
      [{ topic: "gone" }, status.NOT_FOUND],
      [{ partitions: [2] }, status.INVALID_ARGUMENT],
      [{ overflow: 9 as Overflow }, status.INVALID_ARGUMENT],
      [{ filter: "price >" }, status.INVALID_ARGUMENT],
      [{ start: { at: { $case: "timeMs", value: -1n } } }, status.INVALID_ARGUMENT],
      [offsets([offset]), status.OUT_OF_RANGE],
      [offsets([offset, offset]), status.INVALID_ARGUMENT],
      [offsets([{ ...offset, offset: 2n ** 60n }]), status.INVALID_ARGUMENT]
    ]
    for (const [request, code] of wrong) {
      const client = new Client(door, request)
      await waitUntil("an error", () => client.error !== undefined)
      assert.strictEqual(client.error!.code, code, client.error!.details)
    }
    const client = new Client(door, {})
    await waitUntil("it to be live", () => client.kinds.includes("live"))
    assert.strictEqual(await door.readers(), 1)
    client.stream.cancel()
    await waitUntil("it to be forgotten", async () => (await door.readers()) === 0)
  })
})
