import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Ajv2020 } from "ajv/dist/2020.js"
import formats from "ajv-formats"
import { parse } from "yaml"
import { written } from "../../src/consumers/DeadLetters.ts"
import { clientEvent, distributionEvent, eventsOf, type LogEvent } from "../../src/outbox/Event.ts"
import { configuration } from "../support/Configuration.ts"
import { featureFlag } from "../support/FeatureFlag.ts"
import { rollout } from "../support/Rollouts.ts"
import { known } from "../support/Twins.ts"

const { messages, schemas } = parse(
  readFileSync(new URL("../../schema/asyncapi.yaml", import.meta.url), "utf8")
).components
const ajv = new Ajv2020({ strict: false })
;(formats as unknown as (ajv: Ajv2020) => void)(ajv)
const headers = ajv.compile(schemas.headers)

const deadHeaders = ajv.compile(schemas.deadHeaders)

const fits = (event: LogEvent, schema: object) => {
  const payload = ajv.compile({ ...schema, additionalProperties: false })
  assert.isTrue(payload(JSON.parse(event.body)), ajv.errorsText(payload.errors))
  assert.isTrue(headers(event.headers), ajv.errorsText(headers.errors))
}

describe("schema/asyncapi.yaml", () => {
  it("describes every event that is published", () => {
    const revision = {
      epoch: "e",
      revision: 12n,
      traceparent: "00-1-2-01",
      actor: "ada",
      message: "why",
      committedAt: 5
    }
    const changes = [configuration("svc.a", 12), configuration("svc.b", 12, { deleted: true })]
    for (const event of eventsOf(known, { ...revision, changes })) fits(event, messages.configUpdate.payload)
    const gadget = { kind: "gadget", environment: "production", key: "staff" }
    const others = [gadget, featureFlag("checkout", 12), rollout()]
    for (const event of eventsOf(known, { ...revision, changes: others })) fits(event, messages.update.payload)
    const distributed = {
      ...{ topic: "market-data/normalized/us", partition: 1, epoch: 2, offset: 3, subscribers: 4, latencyMillis: 0.5 },
      ...{ symbol: "AAPL", exchange: "NASDAQ", at: 5 }
    }
    for (const told of [
      { type: "trade", price: "187.23", volume: "10" },
      { type: "quote", price: null, volume: null }
    ])
      fits(distributionEvent("n1/2", { ...distributed, ...told }), messages.marketDataDistributed.payload)
    for (const type of ["client_connect", "client_disconnect", "client_timeout"] as const)
      fits(
        clientEvent("n1/1", "n1", {
          type,
          environment: "production",
          service: "svc",
          instance: "i",
          reason: "",
          at: 5
        }),
        messages.clientEvent.payload
      )
  })

  it("describes dead letters", () => {
    const bytes = new TextEncoder().encode("{")
    const received = { partition: 3, offset: "7", at: 0, key: null, body: bytes, headers: { ce_id: "1" } }
    for (const reason of schemas.deadHeaders.properties.dead_reason.enum)
      for (const target of ["", "0".repeat(64)]) {
        const { headers } = written({ received, group: "notification", reason, why: "because", target })
        assert.isTrue(deadHeaders(headers), ajv.errorsText(deadHeaders.errors))
      }
    const large = { ...received, body: new Uint8Array(100_000) }
    const cut = written({ received: large, group: "audit", reason: "too_large", why: "", target: "" })
    assert.isTrue(deadHeaders(cut.headers))
    assert.strictEqual(cut.body!.length, 65_536)
  })
})
