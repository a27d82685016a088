/** Texts of clients that no database or terminal takes, and tokens of all kinds, at the gRPC door. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import type { ServiceError } from "@grpc/grpc-js"
import { Effect } from "effect"
import {
  AckOutcome,
  Health,
  ReportHealthRequest,
  type ReportHealthResponse
} from "../../../proto/generated/herald/distribution/v1/distribution.ts"
import { InstanceStore } from "../../../src/fleet/InstanceStore.ts"
import { Client, Door, metadataOf } from "../../support/Door.ts"
import { waitUntil } from "../../support/waitUntil.ts"

let door: Door
let beside: Client
beforeAll(async () => {
  door = await Door.open()
  beside = new Client(door, { serviceName: "beside", instanceId: "beside" })
})
afterAll(async () => {
  beside[Symbol.dispose]()
  await door.close()
})

describe("text of a client that no database or terminal takes", () => {
  it("G1 the reason of a rejection is cut and cleaned, and is stored", async () => {
    using client = new Client(door, { serviceName: "reasons" })
    await door.publish("reasons", "v")
    await client.has("v")
    const { key, revision } = client.got.find((update) => update.key === "reasons")!
    const reason = `\u0000\u001b[31m two\nlines ${"x".repeat(1_023 - 17)}😀`
    client.say({ acks: [{ key, revision, outcome: AckOutcome.ACK_OUTCOME_REJECTED, reason, epoch: "" }] })
    const stored = await waitUntil("the rejection", async () => {
      const rows = await door.run(
        Effect.flatMap(InstanceStore, (store) => store.list({ service: "reasons", limit: 1, keys: 10 }))
      )
      return rows[0]?.keys[0]?.rejected?.reason
    })

    assert.match(stored, /^\ufffd\ufffd\[31m two\nlines x+/)
    assert.isAtMost(stored.length, 1_024)
    assert.isTrue(stored.isWellFormed())
    assert.notInclude(stored, "\u0000")
  })

  it("G1 health: control characters are replaced, impossible revisions, states and too many metrics refused", async () => {
    using client = new Client(door, { serviceName: "sick" })
    await waitUntil("the sync", () => client.got.length > 0)
    const report = (changed: Partial<ReportHealthRequest>) =>
      new Promise<ReportHealthResponse | ServiceError>((resolve) => {
        const request = ReportHealthRequest.fromPartial({
          ...{ serviceName: "sick", instanceId: "i1", health: Health.HEALTH_DEGRADED, revision: 1n },
          ...changed
        })
        client.stub.reportHealth(request, metadataOf(door.token), (error, answer) => resolve(error ?? answer))
      })
    const high = await report({ revision: 2n ** 64n - 1n })
    const state = await report({ health: 77 as Health })
    const many = await report({ metrics: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`m${i}`, i])) })
    const odd = await report({ message: "a\u0000b", metrics: { "m\u0000": 1, nan: Number.NaN, inf: Infinity } })
    const stored = await waitUntil("the report", async () => {
      const rows = await door.run(
        Effect.flatMap(InstanceStore, (store) => store.list({ service: "sick", limit: 1, keys: 10 }))
      )
      return rows[0]?.health
    })

    for (const refused of [high, state, many]) assert.deepInclude(refused, { code: 3 })
    assert.deepStrictEqual(odd, { accepted: true })
    assert.strictEqual(stored.message, "a\ufffdb")
    assert.deepStrictEqual(stored.metrics, { "m\ufffd": 1 })
  })
})

describe("authorization", () => {
  const odd: ReadonlyArray<readonly [string, string | null]> = [
    ["none", null],
    ["an empty one", ""],
    ["a bare scheme", "Bearer"],
    ["another scheme", "Basic YWRtaW46YWRtaW4="],
    ["a token that is none", "Bearer hrld_x_y"],
    ["a token of nobody", `Bearer hrld_${"a".repeat(16)}_${"b".repeat(64)}`],
    ["8,000 characters", `Bearer ${"x".repeat(8_000)}`]
  ]
  for (const [what, authorization] of odd) {
    it(`A1 ${what}: unauthenticated, and the token is not repeated`, async () => {
      using client = new Client(door, {}, authorization)
      const { code, details, metadata } = await client.ended()

      assert.strictEqual(code, 16)
      assert.deepStrictEqual(metadata.get("herald-code"), ["HRLD-3001"])
      assert.notInclude(details, "bbbb")
      assert.deepStrictEqual(client.got, [])
    })
  }

  it("a viewer does not subscribe, and a key of one environment not to another", async () => {
    using viewer = new Client(door, {}, await door.key("viewer"))
    const scoped = await door.key("subscriber", ["staging"])
    using elsewhere = new Client(door, {}, scoped)
    using home = new Client(door, { environment: "staging", instanceId: "home" }, scoped)
    const codes = [(await viewer.ended()).code, (await elsewhere.ended()).code]
    await waitUntil("the sync", () => home.got.length > 0)

    assert.deepStrictEqual(codes, [7, 7])
    assert.isUndefined(home.status)
  })
})
