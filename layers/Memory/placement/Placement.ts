/** Places work on the nodes of a `State`, each a build of this layer, by their number and the name's hash. */
import { randomUUID } from "node:crypto"
import { Effect, Fiber, Hash, Layer, Semaphore } from "effect"
import { lasting } from "../../../src/placement/Lasting.ts"
import { Placement } from "../../../src/placement/Placement.ts"
import { State } from "../State.ts"
import { type Member, PlacementTables, type Registered } from "./PlacementTables.ts"

const NODE = "memory"

export const layer = Layer.effect(
  Placement,
  Effect.gen(function* () {
    const { members, locks } = (yield* State.service).tables(PlacementTables)
    const scope = yield* Effect.scope
    const me: Member = {
      run: randomUUID(),
      registered: new Map(),
      begin: (work) => Effect.forkIn(work, scope)
    }

    const turnOf = (name: string): Member | undefined => members[Math.abs(Hash.string(name)) % members.length]
    const namesOf = (those: ReadonlyArray<Member>) => new Set(those.flatMap(({ registered }) => [...registered.keys()]))

    const alone = <A>(name: string, change: Effect.Effect<A>) =>
      Effect.suspend(() => {
        const lock = locks.get(name) ?? Semaphore.makeUnsafe(1)
        locks.set(name, lock)
        return Effect.uninterruptible(lock.withPermits(1)(change))
      })
    const end = (one: Registered | undefined) =>
      Effect.suspend(() => {
        const fiber = one?.fiber
        if (fiber === undefined) return Effect.void
        return Effect.andThen(
          Fiber.interrupt(fiber),
          Effect.sync(() => {
            one!.fiber = undefined
          })
        )
      })
    /** PC1 */
    const settle = (name: string) =>
      alone(
        name,
        Effect.gen(function* () {
          for (const member of members) if (member !== turnOf(name)) yield* end(member.registered.get(name))
          const turn = turnOf(name)
          const one = turn?.registered.get(name)
          if (one !== undefined && one.fiber === undefined) one.fiber = yield* turn!.begin(one.work)
        })
      )
    const settleAll = Effect.suspend(() =>
      Effect.forEach(namesOf(members), settle, { concurrency: "unbounded", discard: true })
    )

    yield* Effect.acquireRelease(
      Effect.sync(() => members.push(me)),
      () =>
        Effect.gen(function* () {
          members.splice(members.indexOf(me), 1)
          yield* Effect.forEach(me.registered, ([name, one]) => alone(name, end(one)), { discard: true })
          yield* Effect.forkDetach(settleAll)
        })
    )
    yield* Effect.forkDetach(settleAll)

    return Placement.of({
      single: Effect.fnUntraced(function* <R>(name: string, work: Effect.Effect<void, never, R>) {
        const context = yield* Effect.context<R>()
        if (me.registered.has(name)) return yield* Effect.die(new Error(`${name} is registered already`))
        const one: Registered = { work: Effect.provideContext(lasting(name, work), context), fiber: undefined }
        yield* Effect.acquireRelease(
          Effect.sync(() => me.registered.set(name, one)),
          () => {
            me.registered.delete(name)
            return alone(name, end(one))
          }
        )
        yield* Effect.forkDetach(settle(name))
      }),
      turns: Effect.sync(() =>
        [...me.registered.keys()].sort().map((name) => ({ name, node: NODE, run: turnOf(name)?.run }))
      )
    })
  })
)
