import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Access } from "../../src/access/Access.ts"
import { CurrentIdentity, type Identity, system } from "../../src/access/Identity.ts"
import { Feeds, type FeedWish } from "../../src/feeds/Feeds.ts"
import type { Position } from "../../src/propagation/Position.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import { RevisionLog } from "../../src/propagation/RevisionLog.ts"
import { settle } from "../support/Clock.ts"
import { Faults } from "../support/Faults.ts"
import { change, commit } from "../support/Release.ts"
import { propagationOn } from "../support/Twins.ts"

const bad = new Set<string>()
const access = Layer.mock(Access, { stillValid: ({ keyId }) => Effect.succeed(!bad.has(keyId)) })

const on = (faults: Faults, max = 10) =>
  Feeds.layer({ max }).pipe(Layer.provide(access), Layer.provideMerge(propagationOn(faults)))

const as = (name: string, role: Identity["role"] = "admin"): Identity => ({
  name,
  keyId: name,
  role,
  environments: ["*"]
})

/** Opens a feed, and gives what it tells from then on, one word an event. */
const follow = Effect.fnUntraced(function* (wish: Partial<FeedWish> = {}, who: Identity = system) {
  const feeds = yield* Feeds
  const told = yield* feeds
    .open({ environment: "production", patterns: [], after: undefined, ...wish })
    .pipe(Effect.provideService(CurrentIdentity, who))
  const heard: Array<string> = []
  yield* told.pipe(
    Stream.runForEach((all) =>
      Effect.sync(() => {
        for (const one of all)
          if (one._tag === "Change") heard.push(`${one.change.key}@${one.at.revision}${one.last ? "" : "+"}`)
          else
            heard.push(one._tag === "Reset" ? `reset ${one.reason}` : one._tag === "Alive" ? "alive" : one.error.code)
      })
    ),
    Effect.forkScoped
  )
  yield* settle
  return heard
})

const publish = Effect.fnUntraced(function* (...keys: ReadonlyArray<string>) {
  const { revision } = yield* commit(keys.map((key) => change(key, "v")))
  yield* Effect.flatMap(Propagation, ({ hint }) => hint(revision))
  yield* settle
  return { epoch: revision.epoch, revision: revision.revision } satisfies Position
})

describe("Feeds", () => {
  it.effect("FF1 tells every change of its keys after its position, in order, the last of a revision as that", () =>
    Effect.gen(function* () {
      const all = yield* follow()
      const some = yield* follow({ patterns: ["a.*", "b"] })
      const elsewhere = yield* follow({ environment: "staging" })
      const first = yield* publish("a.x", "c", "b")
      yield* publish("c")
      yield* publish("a.y")
      const late = yield* follow({ after: first, patterns: ["a.*"] })

      assert.deepStrictEqual(all, ["alive", "a.x@1+", "c@1+", "b@1", "c@2", "a.y@3"])
      assert.deepStrictEqual(some, ["alive", "a.x@1+", "b@1", "a.y@3"])
      assert.deepStrictEqual(elsewhere, ["alive"])
      assert.deepStrictEqual(late, ["a.y@3"])
    }).pipe(Effect.scoped, Effect.provide(on(new Faults())))
  )

  it.effect("FF1 goes on from the log where the newest are not enough, or says Reset", () => {
    const faults = new Faults()
    return Effect.gen(function* () {
      const first = yield* publish("a")
      yield* publish("b")
      const feeds = yield* Effect.provide(Feeds, Layer.fresh(on(faults))) // opened after: it has none of them
      assert.strictEqual(feeds.size(), 0)
      const resumed = yield* follow({ after: { ...first, revision: 0n } })
      const strange = yield* follow({ after: { epoch: "", revision: 0n } })
      const ahead = yield* follow({ after: { ...first, revision: 99n } })
      yield* publish("c")
      const live = yield* follow()
      faults.restore(1)
      yield* TestClock.adjust("1 second")
      yield* settle

      assert.deepStrictEqual(resumed.slice(0, 3), ["a@1", "b@2", "c@3"])
      assert.deepStrictEqual(strange.slice(0, 2), ["reset history", "c@3"])
      assert.deepStrictEqual(ahead.slice(0, 2), ["reset history", "c@3"])
      for (const one of [resumed, strange, ahead, live]) assert.strictEqual(one.at(-1), "reset history")
    }).pipe(Effect.scoped, Effect.provide(on(faults)))
  })

  it.effect("FF2 a reader that takes nothing is waited for, and nothing is kept for it", () =>
    Effect.gen(function* () {
      const feeds = yield* Feeds
      const told = yield* feeds
        .open({ environment: "production", patterns: [], after: undefined })
        .pipe(Effect.provideService(CurrentIdentity, system))
      const taken = yield* Queue.bounded<string>(1)
      yield* told.pipe(
        Stream.runForEach((all) => Effect.forEach(all, (one) => Queue.offer(taken, one._tag))),
        Effect.forkScoped
      )
      for (let n = 0; n < 300; n++) yield* publish(`k${n}`)
      const heard: Array<string> = []
      while (heard.length < 301) heard.push(yield* Queue.take(taken))

      assert.strictEqual(heard.filter((one) => one === "Change").length, 300)
    }).pipe(Effect.scoped, Effect.provide(on(new Faults())))
  )

  it.effect("FF5 however many feeds are behind, two read the log at once, and all get what they missed", () => {
    const faults = new Faults()
    let [under, most] = [0, 0]
    const counted = Layer.effect(
      RevisionLog,
      Effect.map(RevisionLog, (log) => ({
        ...log,
        after: (revision: bigint, limit: number) =>
          Effect.suspend(() => {
            most = Math.max(most, ++under)
            return Effect.andThen(Effect.sleep("1 second"), log.after(revision, limit))
          }).pipe(Effect.ensuring(Effect.sync(() => under--)))
      }))
    )
    const behind = Feeds.layer({ max: 10 }).pipe(
      Layer.provide([access, Layer.provide(counted, faults.layer(false))]),
      Layer.provideMerge(propagationOn(faults))
    )
    return Effect.gen(function* () {
      const first = yield* Effect.provide(publish("a"), on(faults))
      yield* Effect.gen(function* () {
        const wish = { after: { ...first, revision: 0n } }
        const heard = yield* Effect.forEach(["a", "b", "c", "d", "e", "f", "g"], (name) => follow(wish, as(name)))
        for (let second = 0; second < 8; second++) {
          yield* TestClock.adjust("1 second")
          yield* settle
        }

        assert.strictEqual(most, 2)
        for (const one of heard) assert.deepStrictEqual(one, ["a@1"])
      }).pipe(Effect.scoped, Effect.provide(behind))
    })
  })

  it.effect("FF3 feeds are limited in all and by principal, and give their places back", () =>
    Effect.gen(function* () {
      const feeds = yield* Feeds
      const open = (name: string) =>
        feeds
          .open({ environment: "production", patterns: [], after: undefined })
          .pipe(Effect.provideService(CurrentIdentity, as(name)))
      const refused = (name: string) => Effect.map(Effect.flip(open(name)), (error) => error.name)
      yield* Effect.gen(function* () {
        for (let n = 0; n < 4; n++) yield* open("greedy")
        assert.strictEqual(yield* refused("greedy"), "TooManySubscriptions")
        yield* open("other")
        assert.strictEqual(yield* refused("third"), "ServerFull")
      }).pipe(Effect.scoped)
      assert.strictEqual(feeds.size(), 0)
      yield* open("third")
      const wrong = yield* Effect.flip(
        feeds
          .open({ environment: "production", patterns: ["a*"], after: undefined })
          .pipe(Effect.provideService(CurrentIdentity, system))
      )
      assert.strictEqual(wrong.name, "InvalidKey")
    }).pipe(Effect.scoped, Effect.provide(on(new Faults(), 5)))
  )

  it.effect("FF4 ends with its key, and when the node leaves, and says so; lives on with a sign of life", () =>
    Effect.gen(function* () {
      const feeds = yield* Feeds
      const revoked = yield* follow({}, as("revoked"))
      const stays = yield* follow({}, as("stays"))
      bad.add("revoked")
      yield* TestClock.adjust("5 seconds")
      yield* settle
      assert.deepStrictEqual(revoked, ["alive", "HRLD-5005"])
      yield* TestClock.adjust("15 seconds")
      yield* settle
      assert.deepStrictEqual(stays, ["alive", "alive"])
      yield* feeds.drain
      yield* settle
      assert.strictEqual(stays.length, 3)
      const late = yield* Effect.flip(follow({}, as("late")))
      assert.strictEqual(late.name, "Draining")
    }).pipe(Effect.scoped, Effect.provide(on(new Faults())))
  )

  it.effect("FF6 of a pattern it tells what its reader may touch, of all kinds alike", () =>
    Effect.gen(function* () {
      const pay = (more: Partial<Identity> = {}): Identity => ({ ...as("pay", "viewer"), keys: ["a.*"], ...more })
      const some = yield* follow({}, pay())
      const less = yield* follow({ patterns: ["a.x", "b.*"] }, pay())
      const none = yield* follow({}, pay({ kinds: ["flag"] }))
      const first = yield* publish("a.x", "b.x", "a")
      yield* publish("b.y")
      yield* publish("a.y", "c")
      const late = yield* follow({ after: first }, pay())
      assert.deepStrictEqual(some, ["alive", "a.x@1", "a.y@3"])
      assert.deepStrictEqual(less, ["alive", "a.x@1"])
      assert.deepStrictEqual(none, ["alive"])
      assert.deepStrictEqual(late, ["a.y@3"])
      const feeds = yield* Feeds
      const nothing = Effect.provideService(CurrentIdentity, pay({ keys: [] }))
      const wish = { environment: "production", patterns: [], after: undefined }
      assert.strictEqual((yield* Effect.flip(nothing(feeds.open(wish)))).name, "Forbidden")
    }).pipe(Effect.scoped, Effect.provide(on(new Faults())))
  )
})
