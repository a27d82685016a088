import { assert, describe, it } from "@effect/vitest"
import {
  ConfigUpdate,
  SubscribeRequest,
  UpdateKind
} from "../../../../proto/generated/herald/distribution/v1/distribution.ts"
import { system } from "../../../../src/access/Identity.ts"
import { encode, heldOf, subscriptionOf } from "../../../../src/edge/grpc/distribution/Wire.ts"
import { HeraldError } from "../../../../src/errors/HeraldError.ts"
import { Held } from "../../../../src/sessions/Held.ts"
import type { ValueUpdate } from "../../../../src/updates/Update.ts"
import { Client, Door } from "../../../support/Door.ts"

const value = (changed: Partial<ValueUpdate> = {}): ValueUpdate => ({
  kind: "value",
  environment: "production",
  key: "svc",
  version: 1,
  revision: 7n,
  epoch: "e",
  format: "string",
  content: "grün 🟢",
  digest: "d",
  delta: undefined,
  traceparent: "",
  committedAt: 1.5,
  stale: false,
  strict: true,
  ...changed
})

const first = (changed: Partial<SubscribeRequest> = {}) =>
  subscriptionOf(SubscribeRequest.fromPartial({ serviceName: "svc", instanceId: "i", ...changed }), system, new Held())

describe("Wire", () => {
  it("G1 what is at its limit is taken, defaults are filled in", () => {
    const simple = first()
    const full = first({
      serviceName: "s".repeat(128),
      instanceId: "i".repeat(128),
      keys: Array.from({ length: 256 }, (_, i) => (i < 10 ? "twice" : `k${i}.*`)),
      metadata: Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`l${i}`, "x".repeat(1_024)]))
    })

    assert.notInstanceOf(simple, HeraldError)
    assert.notInstanceOf(full, HeraldError)
    if (simple instanceof HeraldError || full instanceof HeraldError) return
    assert.strictEqual(simple.client.environment, "production")
    assert.deepStrictEqual(simple.patterns, ["svc", "svc.*"])
    assert.isUndefined(simple.position)
    assert.strictEqual(full.patterns.length, 247)
  })

  it("G1 what no database can keep of a key or a revision that is held is refused", () => {
    const held = (changed: { readonly key?: string; readonly revision?: bigint }) =>
      heldOf([{ key: "svc.a", digest: "", sha256: Buffer.alloc(0), revision: 1n, ...changed }])

    assert.deepStrictEqual(held({}), [{ key: "svc.a", digest: "", revision: 1n }])
    for (const wrong of [{ key: "svc.a\0b" }, { key: "svc. b" }, { key: "" }, { revision: 2n ** 63n }])
      assert.instanceOf(held(wrong), HeraldError)
  })

  it("G2 an update is encoded once: the same object gives the same bytes, another one its own", () => {
    const update = value()

    assert.strictEqual(encode(update), encode(update))
    assert.notStrictEqual(encode(value()), encode(update))
  })

  it("G2 what is encoded is what a client of the contract reads", () => {
    const whole = ConfigUpdate.decode(encode(value()))
    const patched = ConfigUpdate.decode(encode(value({ delta: { base: "b", patch: "[]" } })))
    const drain = ConfigUpdate.decode(encode({ kind: "drain", reconnectAfterMillis: 250 }))
    const deleted = ConfigUpdate.decode(encode(value({ kind: "deleted", content: "" })))

    assert.deepInclude(whole, { configId: "production/svc", version: 1n, revision: 7n, epoch: "e", strict: true })
    assert.strictEqual(Buffer.from(whole.content).toString(), "grün 🟢")
    assert.strictEqual(whole.committedAtMs, 1n)
    assert.deepStrictEqual([patched.deltaBase, Buffer.from(patched.content).toString()], ["b", "[]"])
    assert.deepStrictEqual([drain.kind, drain.reconnectAfterMs], [UpdateKind.UPDATE_KIND_DRAIN, 250])
    assert.deepStrictEqual([deleted.kind, deleted.content.length], [UpdateKind.UPDATE_KIND_DELETED, 0])
  })

  it("G2 two clients over two connections get the same update", async () => {
    await using door = await Door.open()
    using a = new Client(door, { instanceId: "a" })
    using b = new Client(door, { instanceId: "b", control: false })
    await door.publish("svc", "both")
    await Promise.all([a.has("both"), b.has("both")])

    const of = (client: Client) => client.got.find((update) => update.key === "svc")
    assert.deepStrictEqual(of(a), of(b))
    assert.strictEqual(b.got.length, 1)
  })
})
