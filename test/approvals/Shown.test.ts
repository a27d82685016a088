import { assert, describe, it } from "@effect/vitest"
import { type Body, bodyOf } from "../../src/approvals/Body.ts"
import type { ChangeRequest } from "../../src/approvals/ChangeRequest.ts"
import type { ProtectionWish } from "../../src/approvals/Protection.ts"
import { askedBy, doneBy } from "../../src/approvals/Shown.ts"
import { touchesOf } from "../../src/approvals/Touched.ts"
import type { Wish } from "../../src/commits/Release.ts"
import type { ConfigurationWish } from "../../src/configuration/Wish.ts"
import { whole } from "../../src/edge/http/approvals/Wire.ts"
import type { StartWish as ExperimentStart, StopWish } from "../../src/experiments/Experiment.ts"
import type { FlagWish } from "../../src/flags/FeatureFlag.ts"
import type { FlagSettingsWish } from "../../src/flags/FlagSettings.ts"
import type { SegmentWish } from "../../src/flags/Segment.ts"
import type { MoveWish, StartWish } from "../../src/rollouts/Wish.ts"
import type { EndWish, NewWish } from "../../src/schedules/Schedule.ts"
import { plan } from "../support/RolloutWishes.ts"

/** Every field, as the type has it, so that a field that comes later doesn't compile here before it is shown. */
type Every<W extends Wish> = Required<Omit<W, "makes">>

const environment = "production"
const text = { digest: "d1", bytes: 2, expectedVersion: 7 }
const configuration: Every<ConfigurationWish> = {
  ...{ kind: "configuration", environment, key: "k", value: "5", valueType: "number", schema: { minimum: 1 } },
  ...{ strict: true, template: true, digest: "d1", expectedVersion: 7, candidate: 9, changeLog: "as agreed" },
  kept: { live: true, fields: ["schema"] }
}
const flag: Every<FlagWish> = {
  ...{ kind: "flag", environment, key: "f", definition: "{}", ...text, uses: ["beta"], list: "l1", candidate: 9 },
  ...{ enabled: true, percentage: 5, targetUsers: ["u"], variants: ["on"] },
  prerequisites: [{ flag: "base", variant: "on" }]
}
const segment: Every<SegmentWish> = {
  ...{ kind: "segment", environment, key: "s", definition: "{}", ...text, uses: ["beta"], list: "l1" }
}
const settings: Every<FlagSettingsWish> = {
  ...{ kind: "flag_settings", environment, key: "flags", definition: "{}", ...text, uses: ["beta"], list: "l1" }
}
const target = { kind: "configuration", key: "k", base: 1, digest: "d", strict: true, template: false } as const
const start: Every<StartWish> = {
  ...{ kind: "rollout", environment, key: "", op: "start", salt: "salted", at: 5 },
  plan: plan(),
  candidates: [{ ...target, wish: JSON.stringify(configuration), bytes: 1 }],
  why: { text: "why so", readings: [] }
}
const move: Every<MoveWish> = {
  ...{ kind: "rollout", environment, key: "r1", op: "move", expectedVersion: 7, fence: 3n, to: "baking", stage: 1 },
  ...{ below: 4, also: ["i-1"], lasts: 60, due: true, bad: 2n, why: { text: "why so", readings: [] } }
}
const schedule: Every<NewWish> = {
  ...{ kind: "schedule", environment, key: "", state: "pending", dueAt: 5, afterMillis: 6, digest: "d", bytes: 2 },
  touches: [{ kind: "configuration", key: "k", expected: 1 }],
  body: JSON.stringify({ changes: [{ key: "k", value: "5" }], flags: [] })
}
const cancelled: Every<EndWish> = {
  ...{ kind: "schedule", environment, key: "s1", state: "cancelled", reason: "not now", graceMillis: 60 },
  expected: { "configuration/k": 4 }
}
const experiment: Every<ExperimentStart> = {
  ...{ kind: "experiment", environment, key: "x", state: "running", flag: "f", flagVersion: 3, layer: "shop" },
  ...{ buckets: [[0, 500]], definition: "{}", digest: "d" }
}
const stopped: Every<StopWish> = {
  ...{ kind: "experiment", environment, key: "x", state: "stopped", winner: "on", results: null }
}
const protection: Every<ProtectionWish> = {
  ...{ kind: "protection", environment, key: "p", deleted: false, patterns: ["a.*"], kinds: ["config"] },
  ...{ approvals: 2, roles: ["admin"], lasts: 60_000 }
}
const wishes: ReadonlyArray<Wish> = [
  ...[configuration, flag, segment, settings, start, move, schedule, cancelled, experiment, stopped, protection]
]
/** What follows from the text that is shown, by the checks of the door. */
const follows: Readonly<Record<string, ReadonlyArray<string>>> = {
  configuration: ["digest"],
  flag: [
    ...["digest", "bytes", "uses", "list"],
    ...["enabled", "percentage", "targetUsers", "variants", "prerequisites"]
  ],
  segment: ["digest", "bytes", "uses", "list"],
  flag_settings: ["digest", "bytes", "uses", "list"]
}
const body: Body = {
  ...{ environment, action: "publish", message: "as agreed", epoch: "e1", changes: [configuration] },
  bases: [
    { kind: "configuration", key: "k", revision: "4" },
    { kind: "segment", key: "beta", revision: "3" }
  ],
  basis: { values: [{ environment, key: "herald.rollouts", digest: "b1" }], templates: [] }
}
const request = (changes: ReadonlyArray<Wish>) => ({ touches: touchesOf(changes) }) as ChangeRequest
const asked = (of: Body, before: Record<string, string> = {}) =>
  askedBy({ body: bodyOf(of), before, request: request(of.changes), done: [] })

/** Another value of that type. */
const other = (value: unknown): unknown => {
  if (typeof value === "bigint") return value + 1n
  if (typeof value === "number") return value + 1
  if (typeof value === "boolean") return !value
  if (typeof value === "string")
    return value.startsWith("{") ? value.replace("{", '{"other": 1, ').replace(", }", "}") : `${value}2`
  if (value === null) return "other"
  return Array.isArray(value) ? value.slice(1) : { ...value, other: 1 }
}

describe("what an approver is shown", () => {
  for (const wish of wishes)
    it(`AQ11 each field of a ${wish.kind} (${"op" in wish ? wish.op : "state" in wish ? wish.state : "wish"}) is in the digest and shown`, () => {
      const before = JSON.stringify(asked({ ...body, changes: [wish] }))
      for (const name of Object.keys(wish)) {
        if (name === "kind" || name === "environment") continue
        const changed = { ...wish, [name]: other((wish as unknown as Record<string, unknown>)[name]) } as Wish
        assert.notStrictEqual(bodyOf({ ...body, changes: [changed] }), bodyOf({ ...body, changes: [wish] }), name)
        if (["op", "state"].includes(name) || follows[wish.kind]?.includes(name)) continue
        assert.notStrictEqual(JSON.stringify(asked({ ...body, changes: [changed] })), before, `${name} is not shown`)
      }
    })

  it("AQ11 each field of what is asked for is in the digest, and in the answer of the route", () => {
    const every: Required<Body> = { ...body, basis: body.basis! }
    const held = { ...{ madeAt: 0, expiresAt: 0, endedAt: null, applied: null }, approvals: [], revision: 1n }
    const shown = (of: Body) =>
      JSON.stringify(
        whole({
          body: bodyOf(of),
          ...{ before: {}, keyId: undefined, approvers: [], done: [] },
          request: {
            ...held,
            touches: touchesOf(of.changes),
            ...{ environment: of.environment, action: of.action, message: of.message }
          } as unknown as ChangeRequest
        })
      )
    for (const name of Object.keys(every)) {
      const changed = { ...every, [name]: other(every[name as keyof Body]) } as Body
      assert.notStrictEqual(bodyOf(changed), bodyOf(every), name)
      if (name !== "bases") assert.notStrictEqual(shown(changed), shown(every), `${name} is not shown`)
    }
    assert.include(shown(every), '"standsOn":[{"kind":"segment","key":"beta","revision":3}]')
  })

  it("AQ11 a change of type, schema, strictness or template alone is shown beside what was", () => {
    const was = {
      value: "5",
      valueType: "string",
      schema: null,
      strict: false,
      template: false,
      version: 7,
      deleted: false
    }
    const [shown] = asked(body, { "configuration/k": JSON.stringify(was) })!.changes
    assert.deepInclude(shown, { before: "5", after: "5" })
    assert.deepStrictEqual(
      shown!.settings.filter(({ before, after }) => before !== after && before !== null),
      [
        { name: "schema", before: "null", after: '{"minimum":1}' },
        { name: "strict", before: "false", after: "true" },
        { name: "template", before: "false", after: "true" },
        { name: "valueType", before: '"string"', after: '"number"' }
      ]
    )
    const gone = asked(
      { ...body, changes: [{ ...flag, definition: null } as Wish] },
      { "flag/f": '{"definition":"{}"}' }
    )
    assert.deepInclude(gone!.changes[0], { before: "{}", after: null })
  })

  it("AQ18 a review is shown what was done, beside what was there", () => {
    const was = { ...{ value: "5", valueType: "number", schema: null, strict: false, template: false }, version: 7 }
    const now = { ...was, value: "9", strict: true, version: 8, revision: "44", updatedAt: 5, digest: "d2" }
    const done = (before: object | null, after: object, kind = "configuration") =>
      doneBy([
        { kind, key: "k", before: before === null ? null : JSON.stringify(before), after: JSON.stringify(after) }
      ])[0]
    assert.deepStrictEqual(done(was, now), {
      ...{ kind: "configuration", key: "k", before: "5", after: "9" },
      settings: [{ name: "strict", before: "false", after: "true" }]
    })
    assert.deepInclude(done(was, { ...was, value: "", deleted: true }), { before: "5", after: null, settings: [] })
    assert.deepInclude(done(null, { ...now, version: 1 }), { before: null, after: "9" })
    assert.deepInclude(done({ ...was, deleted: true }, now), { before: null, after: "9" })
    assert.deepInclude(
      done(null, now)!.settings,
      { name: "version 7", before: null, after: '"is no longer kept"' },
      "it was there"
    )
    assert.deepInclude(done({ definition: "{}" }, { definition: "[]", version: 2 }, "flag"), {
      before: "{}",
      after: "[]"
    })
    assert.deepInclude(done({ patterns: ["a"] }, { patterns: ["b"] }, "protection"), {
      before: '{"patterns":["a"]}',
      after: '{"patterns":["b"]}'
    })
  })
})
