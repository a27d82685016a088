import { assert, describe, it } from "@effect/vitest"
import { OptionError } from "../../../src/client/ClientError.ts"
import { Topics } from "../../../src/client/HeraldClient.ts"
import { beginningOf } from "../../../src/client/topics/From.ts"
import { withTransaction } from "../../../src/client/topics/Transaction.ts"
import { fromOf } from "../../../src/topics/From.ts"
import { FakeTopic } from "../../support/FakeTopic.ts"
import { quickClock } from "../../support/QuickClock.ts"

const options = { address: "herald:50051", reconnect: { baseMillis: 1, capMillis: 5 } }

/** What of a server was asked, which is nothing where an option is wrong. */
const watched = () => {
  const asked: Array<string> = []
  const server = new FakeTopic(2)
  const transport = new Proxy(server, {
    get: (of, name: keyof FakeTopic) => {
      const it = of[name] as unknown
      if (typeof it !== "function") return it
      return (...its: Array<unknown>) => {
        if (name !== "close") asked.push(name)
        return it.apply(of, its)
      }
    }
  })
  return { asked, topics: new Topics(options, { transport, clock: quickClock(() => 0) }) }
}

const refusal = async (work: () => unknown): Promise<string> => {
  const thrown = await (async () => work())().catch((error: unknown) => error)
  assert.instanceOf(thrown, OptionError)
  return (thrown as OptionError).message
}
const any = (it: unknown) => it as never

describe("what an application says of topics", () => {
  const reads: ReadonlyArray<readonly [string, unknown, RegExp]> = [
    [
      "a filter that is misspelt",
      { from: "earliest", filtr: "total > 50.0" },
      /filtr is no option. They are from, filter/
    ],
    [
      "an overflow that there is not",
      { overflow: "nonsense" },
      /overflow is "nonsense". It is block, conflate, drop-oldest, disconnect/
    ],
    ["an overflow of every object", { overflow: "toString" }, /overflow is "toString"/],
    ["a filter that is no text", { filter: 1 }, /filter is a number/],
    ["fields that are a text", { fields: "total" }, /fields is no list of names/],
    ["partitions that are none", { partitions: [1.5] }, /partitions is no list of numbers from 0 to 255/],
    ["delta that is a text", { delta: "yes" }, /delta is neither/],
    ["a listener that is none", { onGap: true }, /onGap is a boolean/],
    [
      "a typo of a word",
      { from: "erliest" },
      /from is "erliest", which is no place .* Give "earliest", "latest", an event's id/
    ],
    ["an id of another topic", { from: "other:0:1:2" }, /from is an event of "other", not of "shop\/orders"/],
    ["a date that is none", { from: new Date(Number.NaN) }, /no time since 1970/],
    ["a time that is no number", { from: { time: "yesterday" } }, /from.time is "yesterday"/],
    ["an unknown field of from", { from: { tim: 1 } }, /from.tim is no option/],
    ["from of both", { from: { time: 1, offsets: [] } }, /either time or offsets/],
    ["from of neither", { from: {} }, /either time or offsets/],
    ["a number", { from: 3 }, /from is a number/],
    ["an offset without its epoch", { from: { offsets: [{ partition: 0, offset: 3 }] } }, /epoch is no epoch/],
    ["a partition twice", { from: { offsets: [1, 2].map((offset) => ({ partition: 0, epoch: 1, offset })) } }, /twice/],
    ["an id of a partition that is not read", { from: "shop/orders:1:1:0", partitions: [0] }, /not among partitions/]
  ]
  for (const [what, given, said] of reads)
    it(`QN1 QN2 a reader: ${what}`, async () => {
      const { asked, topics } = watched()
      assert.match(await refusal(() => topics.topic("shop/orders").subscribe(any(given))), said)
      assert.deepStrictEqual(asked, [])
      await topics.close()
    })

  const others: ReadonlyArray<readonly [string, (topics: Topics) => unknown, RegExp]> = [
    [
      "a consumer's",
      (t) => t.topic("t").consume("b", any({ prefech: 1 })),
      /prefech is no option. They are consumer, prefetch/
    ],
    [
      "a handler's",
      (t) => t.topic("t").consume("b", () => {}, any({ concurency: 1 })),
      /concurency is no option. They are concurrency/
    ],
    [
      "concurrency",
      (t) => t.topic("t").consume("b", () => {}, { concurrency: 0 }),
      /concurrency is 0. It is 1 to 10,000/
    ],
    ["prefetch", (t) => t.topic("t").consume("b", { prefetch: 1.5 }), /prefetch is 1.5. It is 1 to 10,000/],
    ["limitMillis", (t) => t.topic("t").consume("b", any({ limitMillis: "1s" })), /limitMillis is "1s"/],
    ["a consumer's name", (t) => t.topic("t").consume("b", any({ consumer: 7 })), /consumer is a number/],
    ["a subscription's name", (t) => t.topic("t").consume(""), /subscription's name/],
    ["a producer's", (t) => t.topic("t").producer(any({ id: "p", inflight: 2 })), /inflight is no option/],
    ["a producer's id", (t) => t.topic("t").producer(any({})), /id is undefined/],
    ["inFlight", (t) => t.topic("t").producer({ id: "p", inFlight: 65 }), /inFlight is 65. It is 1 to 64/],
    ["publish", (t) => t.topic("t").publish([], any({ parttion: 1 })), /parttion is no option/],
    [
      "a partition",
      (t) => t.topic("t").publish([{ payload: "a" }], { partition: -1 }),
      /partition is -1. It is 0 to 255/
    ],
    ["events that are no list", (t) => t.topic("t").publish(any({ payload: "a" })), /events must be a list/],
    ["an event that is none", (t) => t.topic("t").publish(any(["a"])), /event 0: it is no object/],
    ["a topic's name", (t) => t.topic("a b"), /"a b" is not the name of a topic: 1 to 200 letters/],
    ["a transaction's", () => withTransaction(any({}), () => {}, any({ prefx: "a" })), /prefx is no option/]
  ]
  for (const [what, work, said] of others)
    it(`QN2 ${what}`, async () => {
      const { asked, topics } = watched()
      assert.match(await refusal(() => work(topics)), said)
      assert.deepStrictEqual(asked, [])
      await topics.close()
    })

  it("QN2 those of send, and of fail, which come later", async () => {
    const { topics } = watched()
    await using producer = await topics.topic("t").producer({ id: "p" })
    assert.match(await refusal(() => producer.send([{ payload: "a" }], any({ sequnce: 1 }))), /sequnce is no option/)
    await topics.close()
  })

  const made: ReadonlyArray<readonly [unknown, RegExp]> = [
    [{ adress: "a:1" }, /adress is no option. They are address/],
    [{ address: "127.0.0.1" }, /has no port/],
    [{ address: ["a:1", "https://b"] }, /one kind/],
    [{ address: "a:1", reconnect: { base: 1 } }, /reconnect.base is no option/],
    [{ address: "a:1", openMillis: 0 }, /openMillis is 0/],
    [{ address: "a:1", logger: console }, /logger is a object/],
    [{ address: "https://a", tls: true }, /tls is for gRPC/],
    [{ address: "a:1", token: "Bearer x" }, /token begins with "Bearer"/],
    [undefined, /must be an object/]
  ]
  for (const [given, said] of made)
    it(`QN2 topics themselves: ${said.source}`, async () => {
      assert.match(await refusal(() => new Topics(any(given))), said)
    })

  it("QN1 every text that is a place at the other doors is the same place here, and nothing else is one", () => {
    const texts = [
      ...["earliest", "latest", "t:0:1:0", "t:255:4294967295:9007199254740991", "2026-11-27T09:30:00Z"],
      ...["2026-11-27T09:30Z", "2026-11-27T09:30:00.123456789+05:30", "t:256:1:0", "t:0:0:0", "t:0:01:0", "t:0:1:-1"],
      ...[
        "t:0:4294967296:0",
        "t:0:1:9007199254740992",
        "",
        "now",
        "2026-11-27",
        "yesterday",
        "t",
        "1969-12-31T23:59:59Z"
      ]
    ]
    for (const text of texts) {
      const there = fromOf(text)
      if (typeof there === "string") {
        assert.throws(() => beginningOf(text, "t"), OptionError, undefined, text)
        continue
      }
      const { start, only } = beginningOf(text, "t")
      if (there.at === "time") assert.deepStrictEqual(start.at, { $case: "timeMs", value: BigInt(there.millis) }, text)
      else if (there.at === "id") {
        const { partition, epoch, offset } = there.id
        const offsets = [{ partition, epoch, offset: BigInt(offset) }]
        assert.deepStrictEqual(start.at, { $case: "offsets", value: { offsets, othersEarliest: false } }, text)
        assert.strictEqual(only, partition)
      } else assert.deepStrictEqual(start.at, { $case: there.at, value: true } as never, text)
    }
  })

  it("QN1 an event's own id begins with it, and reads its partition alone; a Date is a time", async () => {
    const server = new FakeTopic(2)
    for (const one of ["a", "b"])
      for (const partition of [0, 1]) server.append(partition, { payload: Buffer.from(one) })
    await using topics = new Topics(options, { transport: server, clock: quickClock(() => 0) })
    const first = topics.topic("t").subscribe({ from: "earliest", partitions: [1] })
    const [, b] = (await first.next()).value?.events ?? []
    assert.strictEqual(b?.id, "t:1:1:1")
    const again = topics.topic("t").subscribe({ from: b!.id })
    const batch = (await again.next()).value
    assert.deepStrictEqual([batch?.partition, batch?.events.map((one) => one.id)], [1, ["t:1:1:1"]])
    assert.deepStrictEqual(beginningOf(new Date(12), "t").start.at, { $case: "timeMs", value: 12n })
  })
})
