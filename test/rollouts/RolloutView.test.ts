import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Memory from "../../layers/Memory/Memory.ts"
import { RevisionLog } from "../../src/propagation/RevisionLog.ts"
import type { Rollout } from "../../src/rollouts/Rollout.ts"
import { RolloutStore } from "../../src/rollouts/RolloutStore.ts"
import { RolloutView } from "../../src/rollouts/RolloutView.ts"
import { candidate, commit, moveWish, rolled, stageWish, startWish } from "../support/RolloutWishes.ts"

const target = { kind: "configuration", key: "a" } as const
const stores = Memory.layer
const view = RolloutView.layer.pipe(Layer.provideMerge(stores))

const start = (...keys: ReadonlyArray<string>) => rolled([startWish(keys.map((key) => candidate(key, "2")))])
const takenBack = (...keys: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const first = yield* Effect.flatMap(start(...keys), (started) => rolled([stageWish(started)]))
    return [first, yield* rolled([moveWish(first, "rolled_back")])] as const
  })

/** What a view knows that was told of these, one after the other. */
const told = (changes: ReadonlyArray<Rollout>) =>
  Effect.gen(function* () {
    const view = yield* RolloutView
    for (const change of changes) view.apply(change, { epoch: "e", revision: change.revision })
    return view
  })

describe("RolloutView", () => {
  it.effect("RQ2 a view that was told of every transition knows what one has that was read", () =>
    Effect.gen(function* () {
      const log = yield* RevisionLog
      const [, back] = yield* takenBack("a", "b")
      const again = yield* start("a")
      yield* Effect.flatMap(start("c"), (started) =>
        commit([moveWish(started, "completed"), { ...JSON.parse(candidate("c", "2").wish), candidate: 1 }])
      )
      yield* Effect.flatMap(start("d"), (started) => commit([moveWish(started, "aborted")]))
      const all = (yield* log.after(0n, 100))!.flatMap(({ changes }) =>
        changes.filter((one): one is Rollout => one.kind === "rollout")
      )

      const [read, heard] = [yield* RolloutView, yield* Effect.provide(told(all), Layer.fresh(RolloutView.layer))]
      const next = yield* read.read
      next.begin(next.from)
      for (const one of [read, heard]) {
        assert.deepStrictEqual([...one.active()], [again])
        assert.deepStrictEqual(one.of("production", target), again)
        assert.deepStrictEqual(one.of("production", { ...target, key: "b" }), back)
        for (const key of ["c", "d"]) assert.isUndefined(one.of("production", { ...target, key }))
        assert.isUndefined(one.of("production", { ...target, kind: "flag" }))
        assert.isUndefined(one.of("staging", target))
        assert.deepStrictEqual(one.find("production", back.key), back)
        assert.strictEqual(one.count!(), 1)
      }
    }).pipe(Effect.provide(view))
  )

  it.effect("VW1 what was read and the log since then, in whatever part of both, come to the same", () =>
    Effect.gen(function* () {
      const [log, view, store] = [yield* RevisionLog, yield* RolloutView, yield* RolloutStore]
      const [first, back] = yield* takenBack("a")
      const again = yield* Effect.flatMap(start("a"), (started) => rolled([stageWish(started)]))
      const next = yield* view.read
      // The log has all of them behind the position of the first page.
      for (const { changes } of (yield* log.after(0n, 100))!)
        for (const one of changes) next.catchUp(one as Rollout, { epoch: "e", revision: back.revision })
      next.begin(next.from)
      assert.deepStrictEqual(view.of("production", target), again)
      assert.deepStrictEqual([...view.active()], [again])
      assert.isUndefined(view.find("production", first.key)) // the last of nothing
      assert.deepStrictEqual(yield* store.present(0n, 10), [again])
    }).pipe(Effect.provide(view))
  )

  it.effect("VW1 whoever listens hears of each transition, and that all may be another, until it stops", () =>
    Effect.gen(function* () {
      const view = yield* RolloutView
      const heard: Array<string | undefined> = []
      const stop = view.listen((changed) =>
        heard.push(changed && `${changed.key} ${changed.state} ${view.find(changed.environment, changed.key)?.state}`)
      )
      const started = yield* start("a")
      yield* told([started])
      const next = yield* view.read
      next.begin(next.from)
      const first = yield* rolled([stageWish(started)])
      yield* told([first])
      stop()
      yield* told([yield* rolled([moveWish(first, "paused")])])
      assert.deepStrictEqual(heard, ["r1 scheduled scheduled", undefined, "r1 deploying deploying"])
    }).pipe(Effect.provide(view))
  )

  it.effect("P8 what nobody was left with is forgotten behind the horizon, and those who listen are told", () =>
    Effect.gen(function* () {
      const view = yield* RolloutView
      yield* commit([JSON.parse(candidate("there", "1").wish)])
      const all = [...(yield* takenBack("there", "new")), ...(yield* takenBack("other")), yield* start("active")]
      const [, kept, , gone] = all
      yield* told(all)
      const heard: Array<bigint> = []
      view.listen(
        () => {},
        (horizon) => heard.push(horizon)
      )
      view.forget(gone!.revision - 1n)
      assert.deepStrictEqual(view.of("production", { ...target, key: "other" }), gone)
      view.forget(100n)
      assert.deepStrictEqual(heard, [gone!.revision - 1n, 100n])
      assert.deepStrictEqual([...view.all()], [kept, all.at(-1)])
      assert.deepStrictEqual(view.of("production", { ...target, key: "there" }), kept)
      for (const key of ["new", "other"]) assert.isUndefined(view.of("production", { ...target, key }))
    }).pipe(Effect.provide(view))
  )

  it.effect("RQ2 pages are read to their end, in the order of revisions", () =>
    Effect.gen(function* () {
      const store = yield* RolloutStore
      const pages: Array<number> = []
      const counting = RolloutStore.of({
        ...store,
        present: (after) => Effect.tap(store.present(after, 2), (page) => Effect.sync(() => pages.push(page.length)))
      })
      const started = yield* Effect.forEach(["a", "b", "c", "d", "e"], (key) => start(key))
      const view = yield* Effect.provide(
        RolloutView,
        Layer.fresh(RolloutView.layer).pipe(Layer.provide(Layer.succeed(RolloutStore, counting)))
      )
      const next = yield* view.read
      next.begin(next.from)
      assert.deepStrictEqual(pages, [2, 2, 1, 0])
      assert.deepStrictEqual([...view.active()], started)
    }).pipe(Effect.provide(stores))
  )
})
