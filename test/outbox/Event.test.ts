import { assert, describe, it } from "@effect/vitest"
import { eventsOf, isUpdate, partsOf } from "../../src/outbox/Event.ts"
import { configuration } from "../support/Configuration.ts"
import { featureFlag } from "../support/FeatureFlag.ts"
import { NOW, rollout } from "../support/Rollouts.ts"
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

  it("KI4 a rollout tells what happened to it, why, and of which keys, in place of that it changed", () => {
    const happened = (more: Parameters<typeof rollout>[0]) => told(rollout(more))[0]!.type
    const begun = [{ revision: 18n, at: NOW, below: 1 }]
    assert.deepStrictEqual(
      [
        happened({ version: 1, state: "scheduled", stage: -1, begun: [] }),
        happened({ begun }),
        happened({ begun, by: "ann" }),
        happened({ begun, revision: 19n, by: "ann" }),
        happened({ state: "baking", revision: 19n }),
        ...(["paused", "rolled_back", "aborted", "completed"] as const).map((state) =>
          happened({ state, revision: 20n })
        )
      ],
      ["started", "stage", "promoted", "resumed", "stage", "paused", "rolled_back", "aborted", "completed"].map(
        (one) => `rollout_${one}`
      )
    )
    const reading = { gate: "unhealthy < 2%", verdict: "bad", text: "3 of 10", dryRun: false } as const
    const why = {
      text: "3 of 10 are unhealthy",
      readings: [{ ...reading, value: 0.3, text: "3 of 10".padEnd(500, ".") }]
    }
    const [event] = told(rollout({ state: "rolled_back", why }))
    assert.deepInclude(JSON.parse(event!.body), {
      event_type: "rollout_rolled_back",
      key: "r17",
      version: 2,
      deleted: false,
      about: ["app"],
      detail: {
        state: "rolled_back",
        stage: 1,
        stages: 2,
        reason: why.text,
        by: "herald",
        counts: null,
        readings: [{ ...reading, text: why.readings[0]!.text.slice(0, 400) }]
      }
    })
    assert.isTrue(isUpdate(event!.type))
  })

  it("EV9 a change of a kind that is not known is told by what it is of", () => {
    const [event] = told({ kind: "gadget", environment: "production", key: "staff" })
    assert.deepInclude(JSON.parse(event!.body), { event_type: "gadget_update", key: "staff", version: 0, digest: "" })
    assert.isTrue(isUpdate(event!.type))
    assert.deepStrictEqual(partsOf("gadget_update"), ["gadget", "update"])
    assert.deepStrictEqual(partsOf("flag_settings_rolled_back"), ["flag_settings", "rolled_back"])
    for (const type of ["update", "client_connect", "gadget_exploded", "gadget_"]) assert.isFalse(isUpdate(type))
  })
})
