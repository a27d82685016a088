/** Sessions that end in every stage, in whatever order, and what is left of them. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Metric, Schema } from "effect"
import { TestClock } from "effect/testing"
import { ByteBudget } from "../../src/bounds/ByteBudget.ts"
import { ConnectedClients } from "../../src/fleet/ConnectedClients.ts"
import { InstanceStore } from "../../src/fleet/InstanceStore.ts"
import { Held } from "../../src/sessions/Held.ts"
import type { Session } from "../../src/sessions/Session.ts"
import { Sessions } from "../../src/sessions/Sessions.ts"
import { settle } from "../support/Clock.ts"
import { FakeSink } from "../support/FakeSink.ts"
import { publish } from "../support/Release.ts"
import { subscription } from "../support/Subscription.ts"
import { sessionsWith } from "../support/Twins.ts"

const PLACES = 12
const stages = ["comparing", "live", "live and full", "live and comparing", "leaving"] as const
const ways = ["closed", "closed twice", "replaced", "crashed", "silent", "drained"] as const
type Stage = (typeof stages)[number]
type Way = (typeof ways)[number]

interface Client {
  readonly instance: string
  readonly sink: FakeSink
  readonly session: Session
}

const makeWorld = Effect.gen(function* () {
  const sessions = yield* Sessions
  const budget = new ByteBudget(1_000_000)
  const opened: Array<Session> = []
  let n = 0
  yield* publish({ key: "svc.a", value: "1" })
  yield* publish({ key: "svc.b", value: "1" })

  const open = (instance: string, sink: FakeSink) =>
    Effect.gen(function* () {
      const held = new Held(budget, instance)
      held.add(["svc.a", "svc.b", "svc.gone"].map((key) => ({ key, digest: "0".repeat(64), revision: 0n })))
      const session = yield* sessions.open({ ...subscription({ instance }), held }, sink)
      opened.push(session)
      return session
    })

  const reach = Effect.fnUntraced(function* (instance: string, stage: Stage) {
    const sink = new FakeSink()
    sink.blocked = stage === "comparing"
    const session = yield* open(instance, sink)
    const client: Client = { instance, sink, session }
    yield* settle
    switch (stage) {
      case "comparing":
        assert.strictEqual(session.stage.name, "comparing")
        assert.isAbove(budget.takenBy(instance), 0)
        break
      case "live":
        break
      case "live and full":
      case "live and comparing":
        sink.blocked = true
        yield* publish({ key: "svc.a", value: `${++n}` })
        if (stage === "live and full") break
        session.compare(
          [
            { key: "svc.a", held: undefined },
            { key: "svc.b", held: undefined }
          ].values()
        )
        assert.isTrue(session.waits())
        break
      case "leaving":
        // In the middle of its own step: its actor can't stop before that is done.
        sink.write = () => {
          sessions.end(session, { name: "Closed", reason: "the client left" })
          assert.strictEqual(session.stage.name, "leaving")
          return true
        }
        session.push("svc.a")
        yield* publish({ key: "svc.a", value: `${++n}` })
    }
    return client
  })

  const end = Effect.fnUntraced(function* ({ instance, sink, session }: Client, way: Way) {
    switch (way) {
      case "closed":
      case "closed twice":
        sessions.end(session, { name: "Closed", reason: "the client left" })
        if (way === "closed twice") sessions.end(session, { name: "KeyRevoked", reason: "too late" })
        break
      case "replaced": {
        const next = yield* open(instance, new FakeSink())
        sessions.end(next, { name: "Closed", reason: "the client left" })
        break
      }
      case "crashed":
        sink.write = () => {
          throw new Error("boom")
        }
        sink.unblock()
        yield* publish({ key: "svc.b", value: `${++n}` })
        yield* publish({ key: "svc.a", value: `${++n}` })
        yield* settle
        sessions.end(session, { name: "Closed", reason: "it had nothing to be sent" })
        break
      case "silent":
        yield* TestClock.adjust("91 seconds")
        break
      case "drained":
        sessions.end(session, { name: "Draining", reason: "the server is leaving" })
    }
  })

  const nothingIsLeft = Effect.gen(function* () {
    yield* settle
    for (const session of opened) assert.strictEqual(session.stage.name, "over")
    assert.strictEqual(sessions.size(), 0)
    assert.strictEqual(budget.taken, 0)
    assert.deepStrictEqual(yield* (yield* ConnectedClients).covering("production", "svc.a"), [])
    const endings = (yield* Metric.snapshot).filter(({ id }) => id === "herald_session_endings_total")
    const counted = endings.reduce((sum, { state }) => sum + Number((state as { readonly count: number }).count), 0)
    assert.strictEqual(counted, opened.length) // N1
    yield* TestClock.adjust("1 second")
    const rows = yield* (yield* InstanceStore).list({ limit: 100, keys: 0 })
    assert.isFalse(rows.some(({ state }) => state === "connected"))
    // Every place is free again, and no more than that.
    const fresh = yield* Effect.forEach(
      Array.from({ length: PLACES }, (_, i) => `fresh${i}`),
      (instance) => open(instance, new FakeSink())
    )
    assert.strictEqual((yield* Effect.flip(open("one too many", new FakeSink()))).name, "ServerFull")
    for (const session of fresh) sessions.end(session, { name: "Closed", reason: "the client left" })
  })
  return { reach, end, nothingIsLeft }
})

const fresh = <A, E>(
  test: Effect.Effect<
    A,
    E,
    Effect.Services<typeof makeWorld> | Effect.Services<ReturnType<typeof publish>> | ConnectedClients | InstanceStore
  >
) =>
  test.pipe(
    Effect.provide(
      sessionsWith({ maxSessions: PLACES, maxSessionsPerIdentity: PLACES, maxSessionsPerEnvironment: PLACES })
    ),
    Effect.provideService(Metric.MetricRegistry, new Map())
  )

const Step = Schema.Struct({
  instance: Schema.Literals(["a", "b", "c", "d"]),
  stage: Schema.Literals(stages),
  way: Schema.Literals(ways),
  order: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100 }))
})

describe("stages of a session", () => {
  for (const stage of stages)
    for (const way of ways)
      it.effect(`SG1 N1 a session that is ${stage} and is ${way} leaves nothing`, () =>
        fresh(
          Effect.gen(function* () {
            const world = yield* makeWorld
            yield* world.end(yield* world.reach("a", stage), way)
            yield* world.nothingIsLeft
          })
        )
      )

  it.effect.prop(
    "SG1 S4 N1 sessions that end in any stage, in any order, also while others take their instance, leave nothing",
    [Schema.Array(Step)],
    ([steps]) =>
      fresh(
        Effect.gen(function* () {
          const world = yield* makeWorld
          const clients = []
          for (const step of steps.slice(0, PLACES - 1))
            clients.push({ client: yield* world.reach(step.instance, step.stage), step })
          clients.sort((a, b) => a.step.order - b.step.order)
          for (const { client, step } of clients) yield* world.end(client, step.way)
          yield* world.nothingIsLeft
        })
      ),
    { arbitrary: { runs: 40 } }
  )
})
