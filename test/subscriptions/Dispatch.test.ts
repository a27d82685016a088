/** Whatever is published, answered, written and lost in whatever order, no subscription does what it may not. */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { types } from "../../src/subscriptions/Subscription.ts"
import { subscriptionOf } from "./Defined.ts"
import { World } from "./World.ts"

const whats = [
  ...["publish", "publish", "publish", "poll", "poll", "poll", "flush", "flush", "accept", "accept", "fail", "fail"],
  ...["release", "reject", "extend", "tick", "tick", "join", "leave", "grant", "grant", "crash", "seek", "trim"],
  ...["handOver", "resume", "lose"]
] as const

const small = (to: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: to }))
const Step = Schema.Struct({ what: small(whats.length - 1), a: small(5), b: small(7) })
type Step = typeof Step.Type

const hashes = [null, 1, 2, 3] as const

const step = (world: World, { what, a, b }: Step): void => {
  const sessions = [...world.holds.keys()]
  const session = sessions[a % Math.max(1, sessions.length)] ?? ""
  const partition = a % 2
  const name = whats[what]!
  switch (name) {
    case "publish":
      for (let n = 0; n <= a % 3; n++) world.publish(partition, hashes[(b + n) % 4]!)
      break
    case "poll":
      world.poll()
      break
    case "flush":
      world.flush()
      break
    case "tick":
      world.now += 1 + a * b
      break
    case "join": {
      const joined = world.join(`c${a % 3}`)
      if (joined !== undefined) world.grant(joined, b)
      break
    }
    case "leave":
      if (session !== "") world.leave(session, b % 2 === 0)
      break
    case "grant":
      if (session !== "") world.grant(session, world.sent.get(session)! + b)
      break
    case "crash":
      world.crash()
      break
    case "seek":
      if (b === 0) world.seek(partition, a)
      break
    case "trim":
      world.trim(partition, world.firsts[partition]! + (b % 3))
      break
    case "lose":
      if (b < 3) world.lose(partition)
      break
    case "handOver":
      world.handOver(partition)
      break
    case "resume":
      world.machine.status = "active"
      break
    default:
      world.answer(session, b, name)
  }
}

const cases = types.flatMap((type) =>
  ["dead", ""].flatMap((deadLetterTopic) => [1, 3].map((maxAttempts) => ({ type, deadLetterTopic, maxAttempts })))
)

describe.each(cases)("$type, dead letters: $deadLetterTopic, attempts: $maxAttempts", (change) => {
  it.prop(
    "DP1 DP2 DP3 DP4 DP5 DP6 LC1 LC2 LC3 CY1 DI1 CB1 CB2 whatever happens, nothing is lost, doubled, early or out of its order",
    [Schema.Array(Step)],
    ([steps]) => {
      const world = new World(subscriptionOf(change.type, change))
      for (const one of steps) step(world, one)
      assert.deepStrictEqual(world.settle(), [], "DP6 nothing is lost")
    },
    { arbitrary: { runs: 1_000, size: 100, maxShrinks: 2_000 } }
  )
})

it("CB2 an attempt beyond the last, of what somebody resumed, counts over a hand-over", () => {
  const world = new World(subscriptionOf("exclusive", { deadLetterTopic: "", maxAttempts: 1 }))
  const go = (...names: ReadonlyArray<(typeof whats)[number]>) => {
    for (const name of names) {
      step(world, { what: whats.indexOf(name), a: 0, b: 5 })
      world.now += 10
    }
  }
  const out = ["poll", "poll", "flush", "poll", "poll"] as const
  go("publish", "join", ...out, "fail", ...out, "resume", ...out, "fail", ...out)
  assert.strictEqual(world.logs[0]![0]!.least, 3)
  go("resume", "handOver", ...out, ...out)
  assert.strictEqual(world.logs[0]![0]!.most, 4, "it went out once more, as the third")
})
