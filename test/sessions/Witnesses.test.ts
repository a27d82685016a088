/** What whoever watches sessions is told of them. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { type Identity, system } from "../../src/access/Identity.ts"
import { InstanceStore } from "../../src/fleet/InstanceStore.ts"
import { type EndingName, endings, isGone } from "../../src/sessions/Ending.ts"
import { type HealthReport, HealthReports } from "../../src/sessions/HealthReports.ts"
import { Sessions } from "../../src/sessions/Sessions.ts"
import { type Witness, Witnesses } from "../../src/sessions/Witnesses.ts"
import { settle } from "../support/Clock.ts"
import { instance } from "../support/Instance.ts"
import { publish } from "../support/Release.ts"
import { applied, subscription } from "../support/Subscription.ts"
import { sessionsWith } from "../support/Twins.ts"
import { connect } from "./Harness.ts"

const as = (name: string): Identity => ({ name, keyId: name, role: "subscriber", environments: ["*"] })
const layer = HealthReports.layer("principal").pipe(Layer.provideMerge(sessionsWith({})))

/** Writes down all that it is told, in words. */
const writing = (heard: Array<string>): Witness => ({
  came: ({ ref }) => void heard.push(`came ${ref.split("/")[1]}`),
  sent: (_, { key, version }) => void heard.push(`sent ${key} ${version}`),
  held: (_, { key, version }) => void heard.push(`held ${key} ${version}`),
  answered: (_, { key, version }, applied, reason) =>
    void heard.push(`${applied ? "applied" : `rejected (${reason})`} ${key} ${version}`),
  problem: (_, key) => void heard.push(`problem ${key}`),
  reported: ({ client, ref, here }, { health }) =>
    void heard.push(`${client.service} ${here ? "here" : ref} is ${health}`),
  ended: ({ ref }, ending) => void heard.push(`ended ${ref.split("/")[1]} ${isGone(ending) ? "gone" : ending.name}`)
})

const report = (changed: Partial<HealthReport> = {}, by = system) =>
  Effect.flatMap(HealthReports, ({ report }) =>
    report(
      {
        ...{ environment: "production", service: "svc", instance: "i1", epoch: "", revision: 0n, health: "healthy" },
        ...{ message: "", metrics: {} },
        ...changed
      } as HealthReport,
      by
    )
  )

describe("witnesses of sessions", () => {
  it.effect("WI2 a witness is told all that happens to a session, in its order", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const { listen } = yield* Witnesses
      const heard: Array<string> = []
      const stop = listen(writing(heard))
      const digest = (yield* publish({ key: "svc", value: "a" })).changes[0]!.digest as string
      const { session, sink } = yield* connect({ held: [["svc", digest]] })
      yield* publish({ key: "svc", value: "b" })
      yield* settle
      const [b] = sink.got.flatMap((update) => (update.kind === "value" ? [update] : []))
      sessions.heard(session, [{ ...applied(session, b!).answers[0]!, applied: false, reason: "no" }])
      sessions.heard(session, applied(session, b!).answers)
      sessions.heard(session, [{ ...applied(session, b!).answers[0]!, revision: 99n, epoch: "other" }])
      yield* report()
      sessions.end(session, { name: "Closed", reason: "" })
      yield* settle
      stop()
      yield* connect()

      assert.deepStrictEqual(heard, [
        "came 1",
        "held svc 1",
        "sent svc 2",
        "rejected (no) svc 2",
        "applied svc 2",
        "svc here is healthy",
        "ended 1 Closed"
      ])
    }).pipe(Effect.provide(layer))
  )

  it.effect("WI3 nothing is told of a session once another has its instance", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const { listen } = yield* Witnesses
      const heard: Array<string> = []
      yield* publish({ key: "svc", value: "a" })
      const first = yield* connect()
      const [a] = first.sink.got.flatMap((update) => (update.kind === "value" ? [update] : []))
      listen(writing(heard))
      yield* connect()
      sessions.heard(first.session, applied(first.session, a!).answers)
      yield* settle

      assert.strictEqual((yield* Deferred.await(first.session.ended)).name, "SessionReplaced")
      assert.deepStrictEqual(heard, ["came 2", "sent svc 1"])
    }).pipe(Effect.provide(layer))
  )

  it.effect("WI2 a witness that throws ends no session, and others are told", () =>
    Effect.gen(function* () {
      const { listen } = yield* Witnesses
      const heard: Array<string> = []
      const fail = () => {
        throw new Error("a witness")
      }
      listen({ came: fail, sent: fail, held: fail, answered: fail, problem: fail, reported: fail, ended: fail })
      listen(writing(heard))
      yield* publish({ key: "svc", value: "a" })
      const { session, sink } = yield* connect()

      assert.deepStrictEqual(heard, ["came 1", "sent svc 1"])
      assert.strictEqual(session.stage.name, "live")
      assert.isAbove(sink.got.length, 1)
    }).pipe(Effect.provide(layer))
  )

  it.effect("OW1 a report is told for whoever has the instance, here or on another node, and for nobody else", () =>
    Effect.gen(function* () {
      const store = yield* InstanceStore
      const { listen } = yield* Witnesses
      const heard: Array<string> = []
      listen(writing(heard))
      const there = instance("there", { session: "other/1", owner: "a" })
      yield* store.write({ instances: [there], deliveries: [], held: [], health: [] })
      yield* Effect.flip(report({ service: "there", health: "unhealthy" }, as("b")))
      yield* Effect.flip(report({ service: "nobody", health: "unhealthy" }, as("a")))
      yield* report({ service: "there", health: "unhealthy" }, as("a"))

      assert.deepStrictEqual(heard, ["there other/1 is unhealthy"])
    }).pipe(Effect.provide(layer))
  )

  it.effect("WI2 whose client fell silent is gone", () =>
    Effect.gen(function* () {
      const { listen } = yield* Witnesses
      const heard: Array<string> = []
      listen(writing(heard))
      yield* connect({ control: true })
      yield* TestClock.adjust("92 seconds")
      yield* settle
      assert.deepStrictEqual(heard, ["came 1", "ended 1 gone"])
    }).pipe(Effect.provide(layer))
  )

  it("N1 gone is who broke off or fell silent; who left, or was told to go, is not", () => {
    const gone = (Object.keys(endings) as Array<EndingName>).filter((name) => isGone({ name, reason: "" }))
    assert.deepStrictEqual(gone, ["SessionTimedOut", "ClientUnresponsive"])
    assert.isTrue(isGone({ name: "Closed", reason: "", broke: true }))
    assert.isFalse(isGone({ name: "Closed", reason: "" }))
  })

  it.effect("WI1 Witnesses are of one node", () =>
    Effect.gen(function* () {
      const { run, wanting, reporter } = yield* Witnesses
      const { session } = yield* connect()
      assert.strictEqual(session.ref, `${run}/1`)
      assert.deepStrictEqual([...wanting("production", "svc.x")], [session])
      assert.deepInclude(reporter(subscription().client), { ref: session.ref, here: true })
      assert.isUndefined(reporter({ environment: "production", service: "svc", instance: "other" }))
    }).pipe(Effect.provide(layer))
  )
})
