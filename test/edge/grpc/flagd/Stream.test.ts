import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Struct } from "../../../../proto/generated/google/protobuf/struct.ts"
import { system } from "../../../../src/access/Identity.ts"
import { resolveRequest } from "../../../../src/edge/grpc/flagd/Decode.ts"
import { follow } from "../../../../src/edge/grpc/flagd/Stream.ts"
import { isStatus, resolved, type Wanted } from "../../../../src/edge/grpc/flagd/Wire.ts"
import type { CallStatus } from "../../../../src/edge/grpc/ServerCall.ts"
import { failure, HeraldError } from "../../../../src/errors/HeraldError.ts"
import type { Resolution } from "../../../../src/evaluation/Resolution.ts"
import type { Changes, FlagReader } from "../../../../src/flags/FlagStreams.ts"
import { calling } from "./Calling.ts"

const following = async (fake: ReturnType<typeof calling>, next: (changes: Changes) => string | undefined) => {
  let reader: FlagReader | undefined
  let closed = 0
  follow({
    ...{ call: fake.call, identity: system, method: "test/Stream", as: (_, work) => work },
    run: Effect.runForkWith(await Effect.runPromise(Effect.context<never>())),
    decode: () => Effect.succeed("production"),
    open: (_, its) =>
      Effect.sync(() => {
        reader = its
        return () => void closed++
      }),
    first: () => Buffer.from("first"),
    next: (changes) => {
      const said = next(changes)
      return said === "again" || said === undefined ? said : Buffer.from(said)
    }
  })
  fake.ask()
  while (reader === undefined || fake.sent.length === 0) await new Promise((resolve) => setImmediate(resolve))
  return { reader, closed: () => closed }
}
const batch = new Map([["a", "update"]]) as Changes

describe("streams of flags", () => {
  it("FP5, FT2 while a message waits, thousands of changes are one that comes afterwards", async () => {
    const fake = calling()
    let version = 0
    const { reader } = await following(fake, () => `version ${version}`)
    fake.only(1)
    for (version = 1; version <= 1_000; version++) reader.told(batch)
    version = 1_000
    assert.deepStrictEqual(fake.sent, ["first", "version 1"])
    fake.clear()
    assert.deepStrictEqual(fake.sent, ["first", "version 1", "version 1000"])
    reader.told(batch)
    assert.strictEqual(fake.sent.length, 4)
    assert.deepStrictEqual(fake.ends, [])
  })

  it("FP4, FP5 a client that missed what is told one by one is asked to come again, with an error", async () => {
    const fake = calling()
    const { reader, closed } = await following(fake, (changes) => (changes === undefined ? "again" : "change"))
    fake.only(1)
    reader.told(batch)
    reader.told(batch)
    fake.clear()
    assert.deepStrictEqual(
      fake.ends.map(({ code }) => code),
      [14]
    )
    assert.strictEqual(closed(), 1)
    reader.told(batch)
    assert.deepStrictEqual(fake.sent, ["first", "change"])
  })

  it("FP4 a stream that the server ends is ended with an error, and one whose client left gives its place back", async () => {
    const [ended, left] = [calling(), calling()]
    const first = await following(ended, () => "change")
    first.reader.ended(failure("Draining", "this server is leaving"))
    assert.deepStrictEqual(
      ended.ends.map(({ code }) => code),
      [14]
    )
    const second = await following(left, () => "change")
    left.leave()
    second.reader.told(batch)
    assert.deepStrictEqual([left.sent, second.closed()], [["first"], 1])
  })
})

describe("flagd.evaluation.v2", () => {
  const served = (value: Resolution["value"]): Resolution => ({
    ...{ value, variant: "v", reason: "STATIC", metadata: {} },
    ...{ errorCode: undefined, errorDetails: undefined }
  })

  it("FP3 a number is an int only without loss, and no value is taken for one of another type", () => {
    const of = (value: Resolution["value"], wanted: Wanted) => {
      const answer = resolved("a", served(value), wanted)
      return isStatus(answer) ? answer.code : answer.value
    }
    assert.deepStrictEqual([of(3, "int"), of(-0, "int"), of(3, "float")], [3n, 0n, 3])
    assert.deepStrictEqual([of(3.75, "int"), of(1e300, "int"), of("3", "int"), of(true, "float")], [3, 3, 3, 3])
    assert.deepStrictEqual([of(false, "boolean"), of("", "string"), of({}, "object")], [false, "", {}])
    assert.deepStrictEqual([of("x", "boolean"), of(1, "string"), of("x", "object")], [3, 3, 3])
  })

  it("FP2 each error has the status by which providers know it", () => {
    const of = (errorCode: Resolution["errorCode"]) =>
      (resolved("a", { ...served(undefined), errorCode, errorDetails: "é" }, "boolean") as CallStatus).code
    assert.deepStrictEqual([of("FLAG_NOT_FOUND"), of("PARSE_ERROR"), of("GENERAL")], [5, 15, 13])
  })

  it("G9 a context that nests without end, or is no message, is the caller's fault", () => {
    const name = Buffer.from("a")
    let inner = Buffer.alloc(0)
    const field = (number: number, bytes: Buffer) => {
      const length: Array<number> = []
      for (let left = bytes.length; ; left >>>= 7) {
        length.push(left > 127 ? (left & 127) | 128 : left)
        if (left <= 127) break
      }
      return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), bytes])
    }
    for (let level = 0; level < 5_000; level++) {
      inner = field(1, Buffer.concat([field(1, name), field(2, field(5, inner))]))
    }
    const deep = resolveRequest(Buffer.concat([field(1, name), field(2, inner)]))
    assert.isTrue(deep instanceof HeraldError || deep.flagKey === "a")
    assert.instanceOf(resolveRequest(Buffer.from([10, 200, 1])), HeraldError)
    const forged = Struct.encode(Struct.wrap(JSON.parse('{"__proto__":{"admin":true},"b":1}'))).finish()
    const read = resolveRequest(Buffer.concat([field(1, name), field(2, Buffer.from(forged))]))
    assert.isFalse(read instanceof HeraldError)
    assert.isUndefined(({} as { admin?: unknown }).admin)
  })
})
