/** The two forms of `/v1/stream`, against protobuf's own reader and writer. */
import { readFileSync } from "node:fs"
import { createFileRegistry, fromBinary, fromJsonString, toBinary, toJsonString } from "@bufbuild/protobuf"
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt"
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { ConfigUpdate } from "../../../proto/generated/herald/distribution/v1/distribution.ts"
import { saidInBinary, updateFrame } from "../../../src/edge/websocket/stream/Envelope.ts"
import { saidInJson } from "../../../src/edge/websocket/stream/Json.ts"
import { HeraldError } from "../../../src/errors/HeraldError.ts"

const files = fromBinary(
  FileDescriptorSetSchema,
  readFileSync(new URL("../../../proto/generated/herald.binpb", import.meta.url))
)
const registry = createFileRegistry(files)
const request = registry.getMessage("herald.distribution.v1.StreamRequest")!
const response = registry.getMessage("herald.distribution.v1.StreamResponse")!

const json = (message: unknown) => saidInJson(Buffer.from(JSON.stringify(message)))
const refused = (message: unknown): string => {
  const said = json(message)
  assert.instanceOf(said, HeraldError)
  return (said as HeraldError).message
}

const subscribe = {
  ...{ serviceName: "svc ü", instanceId: "i", version: "7", metadata: { region: "eu" }, environment: "staging" },
  keys: ["a", "b.*"],
  position: { epoch: "e", revision: "18446744073709551615" },
  held: [{ key: "a", sha256: Buffer.alloc(32, 7).toString("base64"), revision: "3" }],
  ...{ acceptsDelta: true, control: true, heartbeat: true, heldMore: true },
  acks: [{ key: "a", revision: "9", outcome: "ACK_OUTCOME_REJECTED", reason: "no", epoch: "e" }]
}
const messages = [
  { hello: { token: "t" } },
  { subscribe },
  { id: 3, health: { serviceName: "s", instanceId: "i", health: "HEALTH_DEGRADED", metrics: { n: 1.5 }, epoch: "e" } },
  {
    id: 4_294_967_295,
    report: {
      batchId: "b",
      evaluations: [{ flag: "f", variant: "on", version: 2, reason: "STATIC", count: "5", lastAtMs: "-1" }],
      exposures: [{ flag: "f", variant: "on", unit: "ann", atMs: "1" }],
      tracks: [{ name: "t", unit: "ann", value: 0.5, detailsJson: "{}" }]
    }
  }
]

describe("messages of a stream", () => {
  it("YB1 what protobuf's own writer makes is read the same in both forms", () => {
    for (const message of messages) {
      const whole = fromJsonString(request, JSON.stringify(message))
      const inBinary = saidInBinary(Buffer.from(toBinary(request, whole)))
      assert.deepStrictEqual(saidInJson(Buffer.from(toJsonString(request, whole))), inBinary)
      assert.notInstanceOf(inBinary, HeraldError)
      assert.deepStrictEqual(json(message), inBinary)
    }
  })

  it.prop(
    "YB2 an update is what protobuf's own reader takes, in both forms",
    [Schema.Uint8Array, Schema.String],
    ([content, text]) => {
      const update = Buffer.from(
        ConfigUpdate.encode(
          ConfigUpdate.fromPartial({
            ...{
              key: text.toWellFormed(),
              version: 2n ** 62n,
              content: Buffer.from(content),
              revision: 2n ** 64n - 1n
            },
            ...{ kind: 5, stale: true, reconnectAfterMs: 4_294_967_295, committedAtMs: -1n }
          })
        ).finish()
      )
      const payload = (frame: Buffer) => frame.subarray(frame[1]! < 126 ? 2 : frame[1] === 126 ? 4 : 10)
      const inBinary = fromBinary(response, payload(updateFrame(update, true)))
      const inJson = fromJsonString(response, payload(updateFrame(update, false)).toString())
      assert.deepStrictEqual(toJsonString(response, inJson), toJsonString(response, inBinary))
      assert.strictEqual(updateFrame(update, true), updateFrame(update, true))
    }
  )

  const some = Schema.Union([
    Schema.String,
    Schema.Literals(["", "a", "\ud800", "\udc00", "0", "-1", "18446744073709551616"])
  ])
  const Ack = Schema.Struct({
    ...{ key: Schema.optionalKey(some), epoch: Schema.optionalKey(some), reason: Schema.optionalKey(some) },
    revision: Schema.optionalKey(Schema.Union([some, Schema.Int, Schema.NumberFromString, Schema.Null])),
    outcome: Schema.optionalKey(
      Schema.Union([
        Schema.Literals(["ACK_OUTCOME_APPLIED", "ACK_OUTCOME_REJECTED", "ACK_OUTCOME_UNSPECIFIED", "toString", 1]),
        some
      ])
    ),
    more: Schema.optionalKey(Schema.Null)
  })
  const Often = Schema.Struct({
    acks: Schema.optionalKey(Schema.Union([Schema.Array(Ack), Schema.Null])),
    heartbeat: Schema.optionalKey(Schema.Union([Schema.Boolean, Schema.Null]))
  })
  it.prop("YB8 acks and heartbeats are what they are when they are looked at in full", [Often], ([often]) => {
    // Whoever gives an id, even the default, is looked at in full.
    const whole = json({ id: 0, subscribe: often })
    const found = [json({ subscribe: often }), json({ subscribe: often })]
    for (const one of found)
      assert.deepStrictEqual(
        one instanceof HeraldError ? one.message : one,
        whole instanceof HeraldError ? whole.message : whole
      )
  })

  it("YB8 what is wrong in an ack is refused as it ever was", () => {
    const ack = { key: "a", revision: "1", outcome: "ACK_OUTCOME_APPLIED", epoch: "e", reason: "" }
    const withOne = (more: object) => ({ subscribe: { acks: [ack, { ...ack, ...more }] } })
    assert.notInstanceOf(json(withOne({})), HeraldError)
    for (const name of ["key", "epoch", "reason"]) assert.match(refused(withOne({ [name]: "\ud800" })), /well-formed/)
    assert.match(refused(withOne({ key: "\ud800", epoch: "\udc00" })), /well-formed/)
    assert.match(refused(withOne({ revision: "18446744073709551616" })), /revision/)
    assert.match(refused(withOne({ outcome: "toString" })), /outcome/)
    assert.match(refused(withOne({ more: 1 })), /more/)
    assert.match(refused({ subscribe: { acks: Array.from({ length: 10_001 }, () => ack) } }), /acks/)
    assert.match(refused({ ...withOne({}), more: 1 }), /more/)
  })

  it("YB8 whoever reads one may write into it, and the next one has its own", () => {
    const beat = { subscribe: { heartbeat: true } }
    const [first, second] = [json(beat), json(beat)] as unknown as ReadonlyArray<{ readonly bytes: Buffer }>
    const before = Buffer.from(second!.bytes)
    first!.bytes.fill(0xff)
    second!.bytes.fill(0xff)
    assert.deepStrictEqual((json(beat) as unknown as { readonly bytes: Buffer }).bytes, before)
  })

  it("YB1 what is none is refused by its name", () => {
    assert.match(refused([]), /no JSON object/)
    assert.match((saidInJson(Buffer.from("{")) as HeraldError).message, /no JSON/)
    assert.match(refused({}), /one of hello, subscribe/)
    assert.match(refused({ hello: {}, subscribe: {} }), /one of hello, subscribe/)
    assert.match(refused({ subscribe: { serviceNam: "x" } }), /subscribe.serviceNam/)
    assert.match(refused({ subscribe: { serviceName: "\ud800" } }), /well-formed/)
    assert.match(refused({ subscribe: { position: { revision: "18446744073709551616" } } }), /revision/)
    assert.match(refused({ subscribe: { acks: [{ revision: -1 }] } }), /revision/)
    assert.match(refused({ subscribe: { acks: [{ revision: 2 ** 60 }] } }), /revision/)
    assert.match(refused({ subscribe: { acks: [{ outcome: "APPLIED" }] } }), /outcome/)
    assert.match(refused({ subscribe: { held: [{ sha256: "é" }] } }), /sha256/)
    assert.match(refused({ subscribe: { keys: Array.from({ length: 10_001 }, () => "a") } }), /keys/)
    assert.match(refused({ id: -1, health: {} }), /id/)
    const garbage = [Buffer.from([0xff]), Buffer.from([0x1a, 0x7f]), Buffer.alloc(0), Buffer.from([0x12, 2, 0x0a, 9])]
    for (const bytes of garbage) assert.instanceOf(saidInBinary(bytes), HeraldError)
    assert.instanceOf(saidInBinary(Buffer.concat([Buffer.from([0x1a, 0]), Buffer.from([0x1a, 0])])), HeraldError)
  })
})
