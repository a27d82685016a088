import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { isOver } from "../../src/rollouts/Rollout.ts"
import { type Asked, edges } from "../../src/rollouts/Step.ts"
import { BAD, Model, names, planOf } from "./Model.ts"

const Event = Schema.Struct({
  what: Schema.Literals([
    ...["on", "on", "on", "on", "on", "on", "run", "run", "look", "look late", "commit", "die"],
    ...["wait", "wait", "jump", "told", "told", "situation", "unread", "outside"],
    ...["pause", "resume", "promote", "promote to all", "abort"]
  ] as const),
  at: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 11 }))
})
type Event = typeof Event.Type

const RUNS = 2_000
const EVENTS = 60
const WAITS = [100, 1_000, 5_000, 30_000, 60_000, 61_000, 60_000, 61_000, 125_000, 125_000, 601_000, 601_000]

const happenings: Readonly<Record<Exclude<Event["what"], Asked>, (model: Model, at: number) => void>> = {
  /** All goes well for a while. */
  on: (model, at) => {
    model.becomes("healthy")
    model.told()
    model.look(at % 3, false)
    model.commit(at % 3)
    model.told()
    model.time += 61_000
  },
  run: (model, at) => {
    model.look(at % 3, false)
    model.commit(at % 3)
  },
  look: (model, at) => model.look(at % 3, false),
  "look late": (model, at) => model.look(at % 3, true),
  commit: (model, at) => model.commit(at % 3),
  die: (model, at) => model.die(at % 3),
  wait: (model, at) => {
    model.time += WAITS[at]!
  },
  jump: (model, at) => {
    model.ahead += at < 6 ? -10_000 * at : 3_600_000
  },
  told: (model) => model.told(),
  situation: (model, at) => model.becomes(names[at % names.length]!),
  unread: (model, at) => {
    model.readable = at > 3
  },
  outside: (model, at) => {
    model.outside = at < 3 ? "unknown" : at < 4 ? "bad" : "good"
  }
}

const happens = (model: Model, { what, at }: Event): void => {
  if (what in happenings) happenings[what as keyof typeof happenings](model, at)
  // People do less than machines.
  else if (at < 2) model.person(what as Asked)
}

const run = (nth: number, events: ReadonlyArray<Event>): Model => {
  const model = new Model(planOf(nth))
  for (const event of events) {
    const { begun, version } = model.rollout
    happens(model, event)
    // RQ1, PQ1: a version at a time, and a cohort only grows.
    assert.isAtMost(model.rollout.version, version + 1)
    assert.deepStrictEqual(model.rollout.begun.slice(0, begun.length), begun)
  }
  return model
}

/** From now on nothing fails, and one owner that knows nothing looks and commits, with so much time between. */
const settle = (model: Model, times: number, millis: number, between: () => void = () => {}): void => {
  model.readable = true
  model.owners[0] = new Model(model.rollout.plan).owners[0]!
  for (let n = 0; n < times && !isOver(model.rollout.state); n++) {
    model.told()
    model.look(0, false)
    model.commit(0)
    model.time += millis
    between()
  }
}

const Runs = [Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 59 })), Schema.Array(Event)] as const
const options = { arbitrary: { runs: RUNS, size: EVENTS, seed: "rollouts" }, timeout: 60_000 }

describe("Machine, in a world", () => {
  const reached = new Map<string, number>()

  it.prop(
    "MV2 MV3 AJ1 RQ1 whatever happens, nothing is skipped, nothing is promoted without evidence, nobody overtakes",
    [...Runs],
    ([nth, events]) => {
      for (const edge of run(nth, events).edges) reached.set(edge, (reached.get(edge) ?? 0) + 1)
      return true
    },
    options
  )

  it.prop(
    "MV1 after bad evidence it ends rolled back, whatever happened before",
    [...Runs],
    ([nth, events]) => {
      const model = run(nth, events)
      const { state, stage, version } = model.rollout
      const counted = model.rollout.plan.gates.length > 1
      model.outside = counted ? "good" : "bad"
      model.becomes(counted ? BAD[nth % BAD.length]! : "healthy")
      settle(model, 3, 0)
      if (isOver(state)) assert.strictEqual(model.rollout.version, version)
      else if (stage >= 0) assert.strictEqual(model.rollout.state, "rolled_back", `from ${state}`)
      return true
    },
    options
  )

  it.prop(
    "MV6 while all is well it comes to its end, with people where they are asked",
    [...Runs],
    ([nth, events]) => {
      const model = run(nth, events)
      const { state } = model.rollout
      model.outside = "good"
      model.becomes("healthy")
      model.time += Math.max(0, -model.ahead)
      settle(model, 30, 61_000, () => {
        if (model.rollout.state === "paused") model.person("promote")
        if (model.rollout.state === "scheduled" && model.rollout.until! > model.now)
          model.time = model.rollout.until! - model.now + model.time
      })
      assert.strictEqual(model.rollout.state, isOver(state) ? state : "completed")
      return true
    },
    options
  )

  it.prop(
    "MV2 MV5 while the cohort does not get it, it comes to rest: paused, or taken back",
    [...Runs],
    ([nth, events]) => {
      const model = run(nth, events)
      model.becomes("offered")
      model.time += Math.max(0, -model.ahead)
      const { state } = model.rollout
      const until = (model.rollout.until ?? 0) - model.now
      if (state !== "paused" && !isOver(state)) settle(model, 40, Math.max(61_000, until / 20))
      assert.include(["paused", "completed", "rolled_back", "aborted"], model.rollout.state, `from ${state}`)
      return true
    },
    options
  )

  it("AJ2 every edge of the table is reached, and no other", () => {
    const all = edges.map(({ from, to, by }) => `${by}: ${from} → ${to}`)
    for (const edge of all) console.log(`${String(reached.get(edge) ?? 0).padStart(6)}  ${edge}`)
    assert.deepStrictEqual([...reached.keys()].sort(), [...all].sort())
  })
})
