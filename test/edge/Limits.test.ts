/** What limits tell at the doors, and that those of a door and an environment count there. */

import { BinaryReader } from "@bufbuild/protobuf/wire"
import { assert, describe, it } from "@effect/vitest"
import type { ServiceError } from "@grpc/grpc-js"
import { openBoth } from "../support/BothDoors.ts"

/** Types and bytes of what is in `google.rpc.Status`. */
const detailsOf = (error: ServiceError): Map<string, Uint8Array> => {
  const found = new Map<string, Uint8Array>()
  const reader = new BinaryReader(error.metadata.get("grpc-status-details-bin")[0] as Buffer)
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    if (number !== 3) {
      reader.skip(type, number)
      continue
    }
    const any = new BinaryReader(reader.bytes())
    any.tag()
    const name = any.string().split("/")[1]!
    any.tag()
    found.set(name, any.bytes())
  }
  return found
}

const rule = { requestsPerSecond: 1, burst: 100 }

describe("limits at the doors", () => {
  it("HT9 each answer to who is known tells of the limits that fit, and a refusal of the one that refuses", async () => {
    const doors = await openBoth({
      ratePerSecond: 0.001,
      rateBurst: 50,
      limits: [{ ...rule, door: "http", environment: "production" }]
    })
    await doors.mint("ann", "publisher", ["*"])
    const whoami = await doors.call("GET", "/v1/access/whoami", { as: "ann" })
    assert.match(whoami.headers.get("ratelimit") ?? "", /^"principal";r=49;t=\d+$/)
    assert.strictEqual(whoami.headers.get("ratelimit-policy"), '"principal";q=50;w=50000')
    const put = { as: "ann", body: { value: 1 } }
    const published = await doors.call("PUT", "/v1/config/a.b?environment=production", put)
    assert.match(published.headers.get("ratelimit") ?? "", /^"principal\/http\/production";r=\d+;t=\d+, "principal";r=/)
    const stranger = await doors.call("GET", "/v1/access/whoami", { as: "nobody" })
    assert.isNull(stranger.headers.get("ratelimit"))
    let refused = whoami
    for (let i = 0; i < 60 && refused.status === 200; i++)
      refused = await doors.call("GET", "/v1/access/whoami", { as: "ann" })
    assert.strictEqual(refused.status, 429)
    assert.match(refused.headers.get("ratelimit") ?? "", /^"principal";r=0;t=\d+$/)
    assert.strictEqual(refused.headers.get("ratelimit-policy"), '"principal";q=50;w=50000')
    assert.isAbove(Number(refused.headers.get("retry-after")), 0)
    await doors.close()
  })

  it("LX1 LX3 an environment's limit counts what names it in its URL or in its body, at that door, and no other's", async () => {
    const doors = await openBoth({
      limits: [{ requestsPerSecond: 1, burst: 30, door: "http", environment: "production" }]
    })
    const release = (environment: string) =>
      doors.call("POST", "/v1/releases", { body: { changes: [{ key: "a.b", environment, value: 1 }] } })
    const statuses = []
    for (let i = 0; i < 8; i++) statuses.push((await release("production")).status)
    assert.include(statuses, 429)
    assert.include([200, 201], statuses[0])
    const refused = await release("production")
    assert.strictEqual(refused.body.details.limit, "principal/http/production")
    assert.notStrictEqual((await release("staging")).status, 429)
    const reads = []
    for (let i = 0; i < 32; i++) reads.push((await doors.call("GET", "/v1/config/a.b?environment=production")).status)
    assert.deepStrictEqual([reads[0], reads.at(-1)], [200, 429])
    assert.isUndefined((await doors.unary({ key: "a.c", value: "1", environment: "production" })).error)
    await doors.close()
  })

  it("ZQ3 LX1 a call that is refused says when to come back, whether at the door or for what it asks", async () => {
    const doors = await openBoth({
      ratePerSecond: 1,
      rateBurst: 30,
      limits: [{ requestsPerSecond: 1, burst: 10, door: "grpc", environment: "production" }]
    })
    await doors.mint("ann", "publisher", ["*"])
    const publish = async (environment: string) =>
      (await doors.unary({ key: "a.b", value: "1", environment }, "ann")).error
    const refusedOf = async (environment: string) => {
      for (let i = 0; i < 40; i++) {
        const error = await publish(environment)
        if (error?.code === 8) return error
      }
      throw new Error("nothing was refused")
    }
    const narrow = await refusedOf("production")
    assert.include(narrow.details, "at the door grpc in production")
    assert.sameMembers([...detailsOf(narrow).keys()], ["herald.publishing.v1.Problem", "google.rpc.RetryInfo"])
    const all = await refusedOf("staging")
    assert.isTrue(detailsOf(all).has("google.rpc.RetryInfo"))
    const delay = new BinaryReader(detailsOf(all).get("google.rpc.RetryInfo")!)
    delay.tag()
    const duration = new BinaryReader(delay.bytes())
    duration.tag()
    assert.strictEqual(Number(duration.int64()), Math.floor(Number(all.metadata.get("retry-after-ms")[0]) / 1_000))
    await doors.close()
  })
})
