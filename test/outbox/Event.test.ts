import { assert, describe, it } from "@effect/vitest"
import { eventsOf, isUpdate, wordOf } from "../../src/outbox/Event.ts"
import { configuration } from "../support/Configuration.ts"
import { featureFlag } from "../support/FeatureFlag.ts"
import { known } from "../support/Twins.ts"

const revision = { epoch: "e", revision: 12n, traceparent: "", actor: "ada", message: "why", committedAt: 5 }
const told = (...changes: Parameters<typeof known.nameOf>) => eventsOf(known, { ...revision, changes })

describe("events of changes", () => {
  it("EV1 a change of every kind has an event, with the names of its kind, and never its value", () => {
    const [event] = told(featureFlag("new.checkout", 3))
    assert.deepStrictEqual(JSON.parse(event!.body), {
      event_type: "flag_update",
      service_name: "",
      instance_id: "",
      version: 3,
      timestamp: "1970-01-01T00:00:00.005Z",
      key: "new.checkout",
      environment: "production",
      epoch: "e",
      revision: "12",
      deleted: false,
      value_type: "json",
      digest: featureFlag("new.checkout", 3).digest,
      actor: "ada",
      message: "why"
    })
    assert.deepInclude(event, { id: "e/12/@flag/production/new.checkout", key: "new.checkout", type: "flag_update" })
    assert.deepInclude(event!.headers, { ce_type: "flag_update", ce_subject: "@flag/production/new.checkout" })
  })

  it("EV1 the event of a configuration is what it always was, to the letter", () => {
    const [event] = told(configuration("svc.a", 12, { digest: "d" }))
    assert.strictEqual(
      event!.body,
      '{"event_type":"config_update","service_name":"svc","instance_id":"","version":12,"timestamp":"1970-01-01T00:00:00.005Z",' +
        '"key":"svc.a","environment":"production","epoch":"e","revision":"12","deleted":false,"value_type":"string","digest":"d",' +
        '"actor":"ada","message":"why"}'
    )
    assert.deepInclude(event, { id: "e/12/production/svc.a", type: "config_update" })
    assert.deepInclude(event!.headers, { ce_subject: "production/svc.a" })
  })

  it("EV1 things of two kinds that have one name have events of their own", () => {
    const both = eventsOf(known, { ...revision, changes: [configuration("a", 12), featureFlag("a", 12)] })
    assert.strictEqual(new Set(both.map(({ id }) => id)).size, 2)
  })

  it("EV9 a change of a kind that is not known is told by what it is of", () => {
    const [event] = told({ kind: "gadget", environment: "production", key: "staff" })
    assert.deepInclude(JSON.parse(event!.body), { event_type: "gadget_update", key: "staff", version: 0, digest: "" })
    assert.isTrue(isUpdate(event!.type))
    assert.strictEqual(wordOf("gadget_update"), "gadget")
  })
})
