import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Metric, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Memory from "../../layers/Memory/Memory.ts"
import { OutboxTables } from "../../layers/Memory/outbox/OutboxTables.ts"
import { State } from "../../layers/Memory/State.ts"
import { Topic } from "../../layers/Memory/Topic.ts"
import { Commits } from "../../src/commits/Commits.ts"
import { Leases } from "../../src/leases/Leases.ts"
import { eventsOf } from "../../src/outbox/Event.ts"
import { EventLog } from "../../src/outbox/EventLog.ts"
import { Outbox } from "../../src/outbox/Outbox.ts"
import * as Relay from "../../src/outbox/Relay.ts"
import { RevisionLog } from "../../src/propagation/RevisionLog.ts"
import { Degraded } from "../../src/telemetry/Degraded.ts"
import type { Dependency } from "../../src/telemetry/Readiness.ts"
import { flag } from "../contracts/FlagStores.ts"
import { pass } from "../support/Clock.ts"
import { change, release } from "../support/Release.ts"
import { sweep } from "../support/sweep.ts"
import { below, kinds, known, propagation } from "../support/Twins.ts"

const services = (state: State) => propagation().pipe(Layer.provideMerge(below(Memory.layerOn(state))))

const relay = (log: { readonly layer: Layer.Layer<EventLog> }, run = "a") =>
  Relay.layer({ run, lease: "20 seconds", pollInterval: "1 second", page: 3 }).pipe(Layer.provide([log.layer, kinds]))

const commit = (key: string, value: string | null) =>
  Effect.flatMap(Commits, (commits) => commits.commit(release([change(key, value)])))

const commits = (n: number) => Effect.forEach(Array.from({ length: n }), (_, i) => commit(`key.${i % 2}`, `v${i}`))

const idsOf = (log: Topic) => log.events.map(({ id }) => id.split("/")[1])
const upTo = (n: number) => Array.from({ length: n }, (_, i) => String(i + 1))

describe("Relay", () => {
  it.effect("EV2 what was committed before and after its start is published in order, once", () => {
    const [state, log] = [new State(), new Topic()]
    return Effect.gen(function* () {
      yield* commits(7)
      yield* Layer.build(relay(log))
      yield* pass(2_000)
      yield* commits(4)
      yield* pass(2_000)

      assert.deepStrictEqual(idsOf(log), upTo(11))
      assert.strictEqual(state.tables(OutboxTables).position.revision, 11n)
      assert.deepInclude(JSON.parse(log.events[6]!.body), {
        event_type: "config_update",
        service_name: "key",
        key: "key.0",
        version: 4
      })
    }).pipe(Effect.provide(services(state)), Effect.scoped)
  })

  it.effect(
    "EV2 a release of several kinds has an event for each change, in its order, and each kind is counted",
    () => {
      const [state, log] = [new State(), new Topic()]
      return Effect.gen(function* () {
        yield* Layer.build(relay(log))
        const { commit } = yield* Commits
        yield* commit({ ...release([]), changes: [change("a", "1"), flag("a", ["on"]), change("b", "1")] as never })
        yield* commit({ ...release([]), changes: [flag("a", null)] as never })
        yield* pass(2_000)

        assert.deepStrictEqual(
          log.events.map(({ body }) => JSON.parse(body)).map((one) => `${one.event_type} ${one.key} ${one.deleted}`),
          ["config_update a false", "flag_update a false", "config_update b false", "flag_update a true"]
        )
        const counts = (yield* Metric.snapshot).flatMap(({ id, attributes, state }) =>
          id === "herald_events_published_total" ? [[attributes?.["kind"], (state as { count: number }).count]] : []
        )
        assert.deepInclude(Object.fromEntries(counts), { configuration: 2, flag: 2 })
      }).pipe(Effect.provide(services(state)), Effect.provideService(Metric.MetricRegistry, new Map()), Effect.scoped)
    }
  )

  it.effect("EV2 EV5 an event log that is down keeps nothing in memory, and gets all in order when it is back", () => {
    const [state, log] = [new State(), new Topic()]
    log.down = true
    return Effect.gen(function* () {
      yield* Layer.build(relay(log))
      yield* commits(50)
      yield* pass(60_000)
      const { tries } = log
      assert.isAbove(tries, 3)
      assert.isBelow(tries, 60) // it backs off
      assert.strictEqual(state.tables(OutboxTables).position.revision, 0n)
      log.down = false
      yield* pass(20_000)

      assert.deepStrictEqual(idsOf(log), upTo(50))
    }).pipe(Effect.provide(services(state)), Effect.scoped)
  })

  it.effect("DG1 events that wait are named as lacking, until they are published", () => {
    const [state, log, degraded] = [new State(), new Topic(), new Set<Dependency>()]
    log.down = true
    return Effect.gen(function* () {
      yield* Layer.build(relay(log))
      yield* commits(5)
      yield* pass(2_000)
      assert.deepStrictEqual([...degraded], [])
      yield* pass(20_000)
      assert.deepStrictEqual([...degraded], ["events"])
      log.down = false
      yield* pass(20_000)

      assert.deepStrictEqual([...degraded], [])
    }).pipe(Effect.provide(services(state)), Effect.provideService(Degraded, degraded), Effect.scoped)
  })

  it.effect("EV3 of two relays one publishes; the other takes over when it ends", () => {
    const [state, one, two] = [new State(), new Topic(), new Topic()]
    return Effect.gen(function* () {
      const first = yield* Scope.make()
      yield* Layer.build(relay(one, "a")).pipe(Scope.provide(first))
      yield* pass(2_000)
      yield* Layer.build(relay(two, "b"))
      yield* commits(5)
      yield* pass(60_000)
      assert.deepStrictEqual([idsOf(one), idsOf(two)], [upTo(5), []])
      yield* Scope.close(first, Exit.void)
      yield* commits(5)
      yield* pass(5_000)

      assert.deepStrictEqual([idsOf(one), idsOf(two)], [upTo(5), upTo(10).slice(5)])
    }).pipe(Effect.provide(services(state)), Effect.scoped)
  })

  it.effect(
    "EV3 EV1 a relay that was overtaken while it published can't move the position; its duplicates have the same ids",
    () => {
      const [state, log] = [new State(), new Topic()]
      // The first relay's publish hangs for a minute, as in a process that was stopped, and then arrives.
      const slow = Layer.effect(
        EventLog,
        Effect.map(EventLog, ({ publish }) =>
          EventLog.of({ publish: (events) => Effect.andThen(Effect.sleep("60 seconds"), publish(events)) })
        )
      ).pipe(Layer.provide([log.layer, kinds]))
      return Effect.gen(function* () {
        yield* commits(2)
        yield* Layer.build(relay({ layer: slow }, "a"))
        yield* pass(2_000)
        yield* Layer.build(relay(log, "b"))
        yield* pass(30_000)
        assert.deepStrictEqual(idsOf(log), ["1", "2"])
        yield* commits(2)
        yield* pass(5_000)
        const before = state.tables(OutboxTables).position
        yield* pass(40_000)

        assert.deepStrictEqual(idsOf(log), ["1", "2", "3", "4", "1", "2"])
        assert.deepStrictEqual(log.events[4], log.events[0])
        assert.deepStrictEqual(before.revision, 4n)
        assert.deepStrictEqual(state.tables(OutboxTables).position, before)
      }).pipe(Effect.provide(services(state)), Effect.scoped)
    }
  )

  it.effect(
    "EV3 a relay that learns too late that it still had its lease publishes nothing: another may by then",
    () => {
      const [state, log] = [new State(), new Topic()]
      let [reads, moves] = [0, 0]
      // Its first page takes so long that it prolongs the lease, and the answer to that comes when the lease has passed again.
      const slow = Layer.effectContext(
        Effect.gen(function* () {
          const [revisions, outbox] = [yield* RevisionLog, yield* Outbox]
          return Context.make(RevisionLog, {
            ...revisions,
            after: (...a) => Effect.tap(revisions.after(...a), () => Effect.sleep(++reads === 1 ? "12 seconds" : 0))
          }).pipe(
            Context.add(Outbox, {
              ...outbox,
              advance: (...a) => Effect.tap(outbox.advance(...a), () => Effect.sleep(++moves === 2 ? "25 seconds" : 0))
            })
          )
        })
      )
      return Effect.gen(function* () {
        yield* commits(2)
        yield* Layer.build(relay(log, "a").pipe(Layer.provide(slow)))
        yield* pass(2_000)
        yield* Layer.build(relay(log, "b"))
        yield* pass(28_000)
        assert.deepStrictEqual(idsOf(log), [])
        yield* pass(5_000)
        assert.deepStrictEqual(idsOf(log), upTo(2)) // by the other one
        yield* pass(60_000)

        assert.strictEqual(moves, 2)
        assert.deepStrictEqual(idsOf(log), upTo(2))
        assert.strictEqual(state.tables(OutboxTables).position.revision, 2n)
      }).pipe(Effect.provide(services(state)), Effect.scoped)
    }
  )

  it.effect("EV4 after a lost history the new one is published from where it begins", () => {
    const [state, log] = [new State(), new Topic()]
    return Effect.gen(function* () {
      yield* Layer.build(relay(log))
      yield* commits(5)
      yield* pass(3_000)
      const old = state.epoch
      state.revisions.splice(2)
      Object.assign(state, { epoch: "restored" })
      yield* commit("other", "x")
      yield* pass(5_000)

      assert.deepStrictEqual(
        log.events.map(({ id }) => id.split("/").slice(0, 2).join("/")),
        [...upTo(5).map((n) => `${old}/${n}`), "restored/3"]
      )
      assert.deepStrictEqual(state.tables(OutboxTables).position, { epoch: "restored", revision: 3n })
    }).pipe(Effect.provide(services(state)), Effect.scoped)
  })

  it.effect("EV4 revisions that were swept are skipped", () => {
    const [state, log] = [new State(), new Topic()]
    return Effect.gen(function* () {
      yield* commits(6)
      state.tables(OutboxTables).position = { epoch: state.epoch, revision: 1n }
      state.revisions.splice(0, 4)
      state.swept = 4
      yield* Layer.build(relay(log))
      yield* pass(3_000)

      assert.deepStrictEqual(idsOf(log), ["5", "6"])
    }).pipe(Effect.provide(services(state)), Effect.scoped)
  })

  it.effect("EV2 the retention leaves what a relay has not published, for a week at most", () => {
    const [state, log] = [new State(), new Topic()]
    log.down = true
    return Effect.gen(function* () {
      const leases = yield* Leases
      yield* commits(5)
      yield* leases.claim("relay", "a", 1_000)
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(yield* sweep({ keepMillis: 1_000, keepAtLeast: 1 }), 0)
      yield* TestClock.adjust("8 days")
      yield* leases.claim("relay", "a", 1_000)
      assert.strictEqual(yield* sweep({ keepMillis: 1_000, keepAtLeast: 1 }), 4)
    }).pipe(Effect.provide(Memory.layerOn(state)), Effect.scoped)
  })

  it.effect("EV1 ids differ between changes of one revision, and are the same when it is read again", () => {
    const state = new State()
    return Effect.gen(function* () {
      const commits = yield* Commits
      yield* commits.commit(release([change("a", "1"), change("a", "1", { environment: "staging" }), change("b", "1")]))
      const read = Effect.flatMap(RevisionLog, (log) => Effect.map(log.after(0n, 10), (page) => page!))
      const [first = [], again] = [yield* read, yield* read].map((page) => page.flatMap((one) => eventsOf(known, one)))
      assert.strictEqual(new Set(first.map(({ id }) => id)).size, 3)
      assert.deepStrictEqual(first, again)
    }).pipe(Effect.provide(Memory.layerOn(state)))
  })
})
