import { assert, describe, it } from "@effect/vitest"
import type { Rollout } from "../../src/rollouts/Rollout.ts"
import type { Sighting } from "../../src/rollouts/Sighting.ts"
import { Roll } from "../../src/sightings/Roll.ts"
import type { Seat } from "../../src/sightings/Seat.ts"
import type { Mark } from "../../src/updates/Update.ts"
import { plan, rollout, stage } from "../support/Rollouts.ts"

const ALL = 2 ** 32
const mark = (version: number, revision: bigint, key = "app"): Mark => ({
  kind: "value",
  key,
  version,
  revision,
  epoch: "e",
  digest: "",
  traceparent: "",
  committedAt: 0,
  stale: false
})

const seat = (
  instance: string,
  patterns = ["app"],
  told: ReadonlyMap<string, Mark> = new Map(),
  ref = "run/1"
): Seat => ({
  ref,
  connectedAt: 0,
  subscription: { client: { environment: "production", service: "svc", instance, labels: {} }, patterns },
  told: { get: (key) => told.get(key), isDone: () => true }
})

const made = (more: Partial<Rollout> = {}) => {
  const said: Array<Sighting> = []
  const roll = new Roll((sighting) => void said.push(sighting))
  const of = rollout({ begun: [{ revision: 18n, at: 0, below: ALL }], ...more })
  const tracked = roll.become(of)!
  const words = () => said.map(({ instance, number, is, reason }) => `${instance} ${number} ${is} ${reason}`.trim())
  return { roll, of, tracked, said, words }
}

describe("the roll of a node", () => {
  it("IR1 who wants a target is on it, with what it was told before; who wants none, or is not in, is not", () => {
    const { roll, tracked, words } = made({ plan: plan({ stages: [stage(100, { instances: ["a", "b", "c"] })] }) })
    roll.came(seat("a"), 1n)
    roll.look(tracked, seat("b", ["app"], new Map([["app", mark(2, 18n)]])), 1n)
    roll.came(seat("c", ["other"]), 1n)
    roll.came(seat("d"), 1n)
    roll.sent(seat("d"), mark(2, 18n), 1n)
    assert.deepStrictEqual(words(), ["a 1 offered", "b 1 applied"])
    assert.strictEqual(roll.entries, 2)
  })

  it("IR1 what is of another key, or another version of it, is no news", () => {
    const { roll, words } = made()
    const one = seat("a", ["*"], new Map())
    const wants = seat("a", ["app", "other"])
    roll.came(one, 1n)
    roll.sent(wants, mark(1, 9n), 1n)
    roll.sent(wants, mark(2, 18n, "other"), 1n)
    roll.answered(wants, mark(1, 9n), false, "no", 1n)
    assert.strictEqual(words().at(-1), "a 1 offered")
    roll.sent(wants, mark(2, 18n), 1n)
    roll.answered(wants, mark(2, 18n), true, "", 1n)
    assert.deepStrictEqual(words().slice(-2), ["a 2 delivered", "a 3 applied"])
  })

  it("IS4 who was in by a history that was lost has left, and counts again once it is in", () => {
    const { roll, of, words } = made()
    const one = seat("a")
    roll.came(one, 1n)
    roll.answered(one, mark(2, 18n), true, "", 1n)
    const before = roll.become({ ...of, begun: [] })!
    for (let n = 0; n < 2; n++) roll.look(before, one, 2n)
    roll.answered(one, mark(2, 18n), true, "", 2n)
    roll.reported(one, { health: "unhealthy", revision: 18n, message: "", metrics: {} }, true)
    assert.deepStrictEqual(words(), ["a 1 offered", "a 2 applied", "a 3 left"])
    roll.look(roll.become({ ...of, begun: [{ revision: 25n, at: 0, below: ALL }] })!, one, 3n)
    roll.answered(one, mark(2, 25n), true, "", 3n)
    assert.deepStrictEqual(words().slice(3), ["a 4 offered", "a 5 applied"])
  })

  it("EE2 a session that another took the place of says nothing more", () => {
    const { roll, words } = made()
    const [old, present] = [seat("a", ["app"], new Map(), "run/1"), seat("a", ["app"], new Map(), "run/2")]
    for (const one of [old, present]) {
      roll.came(one, 1n)
      roll.sent(one, mark(2, 18n), 1n)
    }
    const before = words().length
    roll.reported(old, { health: "unhealthy", revision: 18n, message: "down", metrics: {} }, true)
    assert.lengthOf(words(), before)
    roll.reported(present, { health: "unhealthy", revision: 18n, message: "down", metrics: {} }, true)
    assert.include(words().at(-1), "unhealthy down")
  })

  it("IR5 what a session reports is told each time, and is news when it says something else", () => {
    const { roll, said, tracked } = made()
    const one = seat("a")
    roll.sent(one, mark(2, 18n), 1n)
    roll.answered(one, mark(2, 18n), true, "", 1n)
    for (const health of ["degraded", "degraded", "unhealthy", "unhealthy", "healthy", "healthy", "degraded"] as const)
      roll.reported(one, { health, revision: 18n, message: "", metrics: {} }, true)
    roll.look(tracked, one, 1n)
    roll.look(tracked, one, 1n, true)
    assert.deepStrictEqual(
      said.map(({ number, news, is }) => `${number} ${news} ${is}`),
      [
        "1 1 delivered",
        "2 2 applied",
        "3 3 applied", // what it did not say itself before
        "4 3 applied",
        "5 5 unhealthy",
        "6 5 unhealthy",
        "7 7 healthy",
        "8 7 healthy",
        "9 9 applied",
        "10 9 applied"
      ]
    )
    roll.reported(one, { health: "unhealthy", revision: 17n, message: "of what it had", metrics: {} }, true)
    assert.lengthOf(said, 10)
    roll.ended(one, { name: "Closed", reason: "", broke: true }, 2n)
    assert.deepInclude(said.at(-1), { number: 11, news: 11, is: "gone" })
  })

  it("keeps of a reason what fits", () => {
    const { roll, said } = made()
    for (const name of ["a", "b", "c"]) roll.came(seat(name), 1n)
    const long = "\u001b[2Jno ".repeat(1_000)
    for (const name of ["a", "b"]) roll.sent(seat(name), mark(2, 18n), 1n)
    roll.reported(seat("a"), { health: "unhealthy", revision: 18n, message: long, metrics: {} }, true)
    roll.answered(seat("b"), mark(2, 18n), false, long, 1n)
    roll.problem(seat("c"), "app", 18n, long, 1n)
    roll.reported(seat("d"), { health: "unhealthy", revision: 18n, message: long, metrics: {} }, false)
    const reasons = said.map(({ reason }) => reason).filter((reason) => reason !== "")
    assert.lengthOf(reasons, 4)
    for (const reason of reasons) {
      assert.lengthOf(reason, 200)
      assert.notInclude(reason, "\u001b")
    }
  })

  it("IR4 a session costs as much as it has patterns, however much is rolled out", () => {
    const { roll, words } = made()
    const targets = (nth: number) =>
      Array.from({ length: 100 }, (_, at) => ({ ...rollout({}).targets[0]!, key: `svc${nth}.group.${at}` }))
    const others = Array.from({ length: 100 }, (_, nth) => ({ ...rollout({}), key: `r9${nth}`, targets: targets(nth) }))
    for (const other of others) roll.become(other)
    let looks = 0
    const patterns = new Proxy(["app", "svc1.group.7", ...Array.from({ length: 254 }, (_, nth) => `none${nth}.*`)], {
      get: (of, name, self) => {
        looks++
        return Reflect.get(of, name, self)
      }
    })
    const one = { ...seat("a"), subscription: { ...seat("a").subscription, patterns } }
    roll.came(one, 1n)
    roll.sent(one, mark(2, 18n), 1n)
    for (let nth = 0; nth < 10; nth++)
      roll.reported(one, { health: "unhealthy", revision: 18n, message: "down", metrics: {} }, true)
    assert.isBelow(looks, 20_000)
    assert.deepStrictEqual(words().slice(0, 3), ["a 1 offered", "a 2 delivered", "a 3 unhealthy down"])
    assert.lengthOf(words(), 12)
    for (const other of others) roll.become({ ...other, state: "aborted" })
    for (const pattern of ["svc1.group.7", "svc1.*", "svc1.group.*"]) roll.came(seat("b", [pattern]), 1n)
    assert.lengthOf(words(), 12)
  })

  it("IR4 a pattern wants what it covers, and two want it once", () => {
    const { roll, words } = made({ targets: [{ ...rollout({}).targets[0]!, key: "svc.group.a" }] })
    for (const [nth, patterns] of [
      ["svc.group.a"],
      ["svc.*"],
      ["svc.group.*", "svc.*"],
      ["svc"],
      ["svc.group"]
    ].entries())
      roll.came(seat(`i${nth}`, patterns), 1n)
    assert.deepStrictEqual(words(), ["i0 1 offered", "i1 1 offered", "i2 1 offered"])
  })

  it("EE1 who can't be sent a target has rejected it, unless that is of a position before", () => {
    const { roll, words } = made()
    roll.came(seat("a"), 1n)
    roll.problem(seat("a"), "app", 17n, "of what it had", 1n)
    roll.problem(seat("a"), "app", 18n, "no variable x", 1n)
    assert.deepStrictEqual(words(), ["a 1 offered", "a 2 rejected no variable x"])
  })

  it("IR3 with a stage that begins who came in earlier has nothing new; where each stage makes a version all have", () => {
    const { roll, of, tracked, words } = made()
    const [one, next] = [seat("a"), { revision: 20n, at: 0, below: ALL }]
    roll.sent(one, mark(2, 18n), 1n)
    roll.become({ ...of, version: 3, begun: [...of.begun, next] })
    roll.look(tracked, one, 1n)
    assert.deepStrictEqual(words(), ["a 1 delivered"])

    const raising = made({
      plan: plan({ stages: [stage(10), stage(100)], raise: { variant: "on" } }),
      targets: [{ ...of.targets[0]!, kind: "flag", version: 0, digest: "" }]
    })
    const flag = seat("a", ["@flag/app"])
    const at = (revision: bigint) => mark(5, revision, "@flag/app")
    raising.roll.answered(flag, at(18n), true, "", 1n)
    raising.roll.become({ ...raising.of, version: 3, begun: [...raising.of.begun, next] })
    raising.roll.look(raising.tracked, flag, 1n)
    raising.roll.answered(flag, at(18n), true, "", 1n)
    raising.roll.sent(flag, at(20n), 1n)
    raising.roll.answered(flag, at(20n), true, "", 1n)
    assert.deepStrictEqual(raising.words(), ["a 1 applied", "a 2 offered", "a 3 delivered", "a 4 applied"])
    assert.deepStrictEqual(
      raising.said.map(({ stage }) => stage),
      [0, 1, 1, 1]
    )
  })

  it("IR2 a report for an instance outside of the cohort is nobody's, whatever it says of itself", () => {
    const { roll, words } = made({ plan: plan({ stages: [stage(100, { where: { region: "eu" } })] }) })
    const report = { revision: 99n, health: "unhealthy", message: "", metrics: {} } as const
    for (const here of [true, false]) roll.reported(seat("a"), report, here)
    const { client } = seat("a").subscription
    const other = { ...seat("a"), subscription: { client: { ...client, environment: "staging" }, patterns: ["app"] } }
    roll.reported(other, report, true)
    assert.deepStrictEqual(words(), [])
    const eu = { ...seat("a"), subscription: { client: { ...client, labels: { region: "eu" } }, patterns: ["app"] } }
    roll.reported(eu, { ...report, revision: 17n }, false)
    roll.reported(eu, report, false)
    assert.deepStrictEqual(words(), ["a 0 unhealthy"])
  })

  it("EE4 it keeps nothing of a rollout that is over, nor of one that the view lost", () => {
    const { roll, of, words } = made()
    roll.sent(seat("a"), mark(2, 18n), 1n)
    const before = words().length
    roll.become({ ...of, version: 3, state: "rolled_back" })
    roll.answered(seat("a"), mark(2, 18n), true, "", 1n)
    roll.ended(seat("a"), { name: "Closed", reason: "" }, 1n)
    assert.deepStrictEqual([roll.size, roll.entries, words().length], [0, 0, before])
    roll.become(of)
    roll.keepOnly([])
    assert.strictEqual(roll.size, 0)
  })
})
