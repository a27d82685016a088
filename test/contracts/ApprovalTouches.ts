/** What a change touches, and what it stands on: every store must say the same. Run by Memory.test.ts and Postgres.test.ts. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type { ApiKeyStore } from "../../src/access/ApiKeyStore.ts"
import { ApprovalStore } from "../../src/approvals/ApprovalStore.ts"
import type { Commits } from "../../src/commits/Commits.ts"
import type { Wish } from "../../src/commits/Release.ts"
import type { FlagWish } from "../../src/flags/FeatureFlag.ts"
import type { Rollout } from "../../src/rollouts/Rollout.ts"
import type { Schedule } from "../../src/schedules/Schedule.ts"
import { ScheduleStore } from "../../src/schedules/ScheduleStore.ts"
import {
  apply,
  approve,
  by,
  commit,
  open,
  outcome,
  person,
  protect,
  protection,
  stateOf
} from "../support/Approvals.ts"
import { fresh } from "../support/fresh.ts"
import { change } from "../support/Release.ts"
import { candidateOf, moveWish, startWish } from "../support/RolloutWishes.ts"
import { past, wish as scheduleWish } from "../support/Schedules.ts"
import { start as experiment, stop } from "./ExperimentStores.ts"
import { flag } from "./FlagStores.ts"
import { segment } from "./SegmentStores.ts"

type Services = ApiKeyStore | ApprovalStore | Commits | ScheduleStore
type Test = <E>(name: string, body: () => Effect.Effect<void, E, Services>) => void

const RELEASE = { action: "release" } as const
const ROLLOUT = { action: "rollout" } as const

/** Environment of its own, and a wish in it. */
const inOne = () => {
  const environment = fresh("env")
  return { environment, at: <W extends object>(wish: W) => ({ ...wish, environment, expectedVersion: undefined }) }
}

export const approvalTouchesContract = (test: Test) => {
  test("AQ1 what a protected flag hangs on is protected with it: segments over others, flags that it needs over others, and what these name", () =>
    Effect.gen(function* () {
      const { environment, at } = inOne()
      const settings = { kind: "flag_settings", key: "flags", definition: "{}", digest: "d", bytes: 2 }
      yield* commit(
        [
          at(segment("root")),
          at(segment("inner", ["root"])),
          at(segment("beta", ["inner"])),
          at(segment("alone")),
          at(flag("base", ["on"], { uses: ["beta"] })),
          at(flag("middle", ["on"], { needs: { base: "on" } })),
          at(flag("shop", ["on"], { needs: { middle: "on" } })),
          at(flag("other", ["on"], { needs: { shop: "on" } }))
        ],
        RELEASE
      )
      yield* protect(environment, ["shop"], { kinds: ["flag"] })
      for (const [wish, becomes] of [
        [segment("root"), "ApprovalRequired"],
        [segment("inner", ["root"]), "ApprovalRequired"],
        [segment("beta", ["inner"]), "ApprovalRequired"],
        [flag("base", ["on"], { uses: ["beta"] }), "ApprovalRequired"],
        [flag("middle", ["on"], { needs: { base: "on" } }), "ApprovalRequired"],
        [settings, "ApprovalRequired"],
        [segment("alone"), "done"],
        [flag("other", ["on"], { needs: { shop: "on" } }), "done"]
      ] as const)
        assert.strictEqual(yield* outcome(commit([at(wish)], RELEASE)), becomes, wish.key)
    }))

  test("AQ1 a protected segment is protected by what it names, however far, and one refusal is told alike", () =>
    Effect.gen(function* () {
      const { environment, at } = inOne()
      yield* commit([at(segment("root")), at(segment("inner", ["root"])), at(segment("beta", ["inner"]))], RELEASE)
      yield* protect(environment, ["beta"], { kinds: ["segment"] })
      const refused = yield* Effect.flip(commit([at(segment("root"))], RELEASE))
      assert.strictEqual(
        refused.message,
        `the segment beta in ${environment} is protected by p: 0 of 1 approvals count`
      )
    }))

  test("AQ1 a candidate stands on what it names: while a rollout of a protected flag goes on, and no longer", () =>
    Effect.gen(function* () {
      const { environment, at } = inOne()
      yield* commit(
        [at(segment("root")), at(segment("beta", ["root"])), at(flag("base", ["on"])), at(flag("shop", ["on"]))],
        RELEASE
      )
      const candidate = candidateOf(at(flag("shop", ["on"], { uses: ["beta"], needs: { base: "on" } })) as FlagWish)
      const { revision } = yield* commit([startWish([candidate], { environment })], ROLLOUT)
      yield* protect(environment, ["shop"], { kinds: ["flag"] })
      const each = [segment("root"), segment("beta", ["root"]), flag("base", ["on"])]
      for (const wish of each)
        assert.strictEqual(yield* outcome(commit([at(wish)], RELEASE)), "ApprovalRequired", wish.key)
      yield* commit([moveWish(revision.changes[0] as Rollout, "aborted")], ROLLOUT)
      for (const wish of each) assert.strictEqual(yield* outcome(commit([at(wish)], RELEASE)), "done", wish.key)
    }))

  test("AQ1 a change of a kind that is not known is protected by every protection of its environment, and of no other", () =>
    Effect.gen(function* () {
      const { environment } = inOne()
      const store = yield* ApprovalStore
      const strange = { kind: "toy", environment, key: "k", expectedVersion: 0 } as unknown as Wish
      const names = Effect.map(store.protecting(environment, [strange]), (found) => found.map(({ key }) => key))
      assert.deepStrictEqual(yield* names, [])
      yield* protect(fresh("env"), ["*"])
      yield* protect(environment, ["payments.*"], { kinds: ["flag"] })
      assert.deepStrictEqual(yield* names, ["p"])
      const refused = yield* Effect.flip(commit([strange], RELEASE))
      assert.deepStrictEqual(
        [refused.name, refused.message],
        [
          "ApprovalRequired",
          `whatever a change of a kind that is not known may touch in ${environment} is protected by p: 0 of 1 approvals count`
        ]
      )
      // Also where it is what a schedule will do.
      const later = scheduleWish({ environment, touches: [{ kind: "toy", key: "k", expected: null }] })
      assert.strictEqual(yield* outcome(commit([later], { action: "schedule" })), "ApprovalRequired")
    }))

  test("AQ1 a rollout touches by its kind, and an experiment by the flag that it is on", () =>
    Effect.gen(function* () {
      const { environment, at } = inOne()
      const [key, other] = [fresh("config"), fresh("config")]
      yield* commit([change(key, "1", { environment }), at(flag("shop", ["on", "off"]))], RELEASE)
      yield* protect(environment, [key], { kinds: ["rollout"] })
      const start = (of: string) => [startWish([candidateOf(change(of, "2", { environment }))], { environment })]
      assert.strictEqual(yield* outcome(commit(start(key), ROLLOUT)), "ApprovalRequired")
      assert.strictEqual(yield* outcome(commit(start(other), ROLLOUT)), "done")
      const bob = yield* person("bob")
      yield* commit([protection(environment, "q", ["shop"], { kinds: ["experiment"] })], { action: "protect" })
      const EXPERIMENT = { action: "experiment" } as const
      const begin = experiment(environment, "trial", { flag: "shop" })
      assert.strictEqual(yield* outcome(commit([begin], EXPERIMENT)), "ApprovalRequired")
      const request = yield* open(bob, environment, [begin], "experiment")
      yield* approve(request, yield* person("ann"))
      assert.strictEqual(yield* outcome(apply(request, [begin], bob, { release: EXPERIMENT })), "done")
      assert.strictEqual(yield* outcome(commit([stop(environment, "trial")], EXPERIMENT)), "ApprovalRequired")
    }))

  test("AQ4 a change of what an approved flag will stand on voids it: segments and flags that it names, however far, and the settings of flags", () =>
    Effect.gen(function* () {
      const [ann, bob] = [yield* person("ann"), yield* person("bob")]
      const settings = { kind: "flag_settings", key: "flags", definition: "{}", digest: "d", bytes: 2 }
      for (const [wish, becomes] of [
        [segment("root"), "void"],
        [segment("beta", ["root"]), "void"],
        [flag("base", ["on"], { uses: ["beta"] }), "void"],
        [settings, "void"],
        [segment("alone"), "approved"],
        [flag("other", ["on"]), "approved"]
      ] as const) {
        const { environment, at } = inOne()
        yield* commit(
          [
            ...[at(segment("root")), at(segment("beta", ["root"])), at(segment("alone"))],
            ...[at(flag("base", ["on"], { uses: ["beta"] })), at(flag("shop", ["on"])), at(flag("other", ["on"]))]
          ],
          RELEASE
        )
        const wishes = [at(flag("shop", ["on"], { needs: { base: "on" } }))] as ReadonlyArray<Wish>
        const request = yield* open(ann, environment, wishes)
        yield* approve(request, bob)
        yield* commit([at(wish)], RELEASE)
        assert.strictEqual(yield* stateOf(request), becomes, wish.key)
        assert.strictEqual(yield* outcome(apply(request, wishes, ann)), becomes === "void" ? "ChangeVoid" : "done")
      }
    }))

  test("AQ4 variables void what renders them, and a rollout that begins voids what stands on its key", () =>
    Effect.gen(function* () {
      const [ann, bob] = [yield* person("ann"), yield* person("bob")]
      const { environment, at } = inOne()
      const plain = [change("plain", "1", { environment })]
      const rendered = [change("rendered", "{{a}}", { environment, template: true })]
      const [one, other] = [yield* open(ann, environment, plain), yield* open(ann, environment, rendered)]
      for (const request of [one, other]) yield* approve(request, bob)
      yield* commit([change("herald.variables", "{}", { environment })])
      assert.deepStrictEqual([yield* stateOf(one), yield* stateOf(other)], ["approved", "void"])

      yield* commit([at(flag("base", ["on"])), at(flag("shop", ["on"]))], RELEASE)
      const wishes = [at(flag("shop", ["on"], { needs: { base: "on" } }))] as ReadonlyArray<Wish>
      const request = yield* open(ann, environment, wishes)
      yield* approve(request, bob)
      const candidate = candidateOf(at(flag("base", ["on", "off"])) as FlagWish)
      yield* commit([startWish([candidate], { environment })], ROLLOUT)
      assert.strictEqual(yield* stateOf(request), "void")
    }))

  test("AQ4 variables that a rollout's candidate renders void what was approved of its next move", () =>
    Effect.gen(function* () {
      const [ann, bob] = [yield* person("ann"), yield* person("bob")]
      const { environment } = inOne()
      yield* commit([change("text", "1", { environment }), change("herald.variables", '{"a":"1"}', { environment })])
      const candidate = candidateOf(change("text", "{{a}}", { environment, template: true }))
      const { revision } = yield* commit([startWish([candidate], { environment })], ROLLOUT)
      const wishes = [moveWish(revision.changes[0] as Rollout, "aborted")]
      const request = yield* open(ann, environment, wishes, "rollout")
      yield* approve(request, bob)
      yield* commit([change("herald.variables", '{"a":"2"}', { environment })])
      assert.strictEqual(yield* stateOf(request), "void")
    }))

  test("AQ4 a schedule that was approved is not made once what it will stand on was changed", () =>
    Effect.gen(function* () {
      const store = yield* ScheduleStore
      const [ann, bob] = [yield* person("ann"), yield* person("bob")]
      for (const [also, becomes] of [
        ["beta", "ApprovalRequired"],
        ["alone", "done"]
      ] as const) {
        const { environment, at } = inOne()
        yield* commit([at(segment("beta")), at(segment("alone")), at(flag("shop", ["on"]))], RELEASE)
        yield* protect(environment, ["shop"], { kinds: ["flag"] })
        const draft = { key: "shop", definition: flag("shop", ["on"]).definition!.replace('"on"]', '{"$ref":"beta"}]') }
        const asked = scheduleWish({
          ...{ environment, afterMillis: 1, touches: [{ kind: "flag", key: "shop", expected: null }] },
          body: JSON.stringify({ changes: [], flags: [draft] })
        })
        const request = yield* open(ann, environment, [asked], "schedule")
        yield* approve(request, bob)
        const { revision } = yield* apply(request, [asked], ann, { release: { action: "schedule" } })
        const its = revision.changes.find(({ kind }) => kind === "schedule") as Schedule
        yield* past
        assert.strictEqual((yield* store.find(environment, its.key))?.schedule.state, "pending")
        yield* commit([at(segment(also))], RELEASE)
        const made = {
          kind: "schedule",
          environment,
          key: its.key,
          state: "committed",
          reason: "",
          graceMillis: 3_600_000
        }
        const wish = at(flag("shop", ["on"], { uses: ["beta"] }))
        assert.strictEqual(yield* outcome(commit([wish, made], RELEASE)), becomes, also)
      }
    }))

  test("AQ4 what was there is shown as it was when it was asked for, and what it stands on is in the bases", () =>
    Effect.gen(function* () {
      const store = yield* ApprovalStore
      const ann = yield* person("ann")
      const { environment, at } = inOne()
      yield* commit([at(segment("beta")), at(flag("shop", ["on"])), change("k", "1", { environment })], RELEASE)
      const wishes = [change("k", "2", { environment }), at(flag("shop", ["on"], { uses: ["beta"] }))]
      const request = yield* open(ann, environment, wishes as ReadonlyArray<Wish>)
      const held = (yield* store.find(environment, request.key))!
      assert.deepStrictEqual(
        JSON.parse(held.body).bases.map(({ kind, key }: Wish) => `${kind}/${key}`),
        ["configuration/k", "flag/shop", "flag_settings/flags", "segment/beta"]
      )
      assert.deepStrictEqual(Object.keys(held.before).sort(), ["configuration/k", "flag/shop"])
      assert.deepInclude(JSON.parse(held.before["configuration/k"]!), {
        value: "1",
        valueType: "string",
        schema: null,
        strict: false,
        template: false,
        deleted: false
      })
      assert.deepInclude(JSON.parse(held.before["flag/shop"]!), { key: "shop", version: 1, deleted: false })
      assert.strictEqual(by(ann).actor, request.author)
    }))
}
