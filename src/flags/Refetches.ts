/**
 * Tells browsers' providers when to ask for all flags again, and sees to it that what they then get is not older.
 *
 *   RG1  A reader is told once flags of its environment changed: since it came; since the position that it says; or, where it says none, also in
 *        the ten minutes before it came, as it asked for the flags before that.
 *   RG2  Readers are told over a time, a millisecond for each that is open and at most two seconds, so that they do not ask all at once.
 *   RG3  Who was told of a position gets flags no older than that from any node, or is told to come again: never an older state.
 *   RG4  A reader that takes nothing keeps nothing here but that there is something. A sign of life goes out every 20 s.
 */
import { Clock, Context, Deferred, Effect, Layer, Random, type Scope, Semaphore, Stream } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { covers, type Position, sameEpoch } from "../propagation/Position.ts"
import { Propagation } from "../propagation/Propagation.ts"
import { RevisionLog } from "../propagation/RevisionLog.ts"
import { FlagStreams } from "./FlagStreams.ts"

export type Refetch =
  | { readonly _tag: "Changed"; readonly at: Position }
  /** Nothing changed up to `at`. */
  | { readonly _tag: "Open"; readonly at: Position }
  | { readonly _tag: "Alive" }

export class Refetches extends Context.Service<
  Refetches,
  {
    /** Lasts as long as the scope, and ends with it, with the reader's key, or when the node leaves. Fails as `FlagStreams.open`. RG1 */
    readonly open: (
      environment: string,
      last: Position | undefined
    ) => Effect.Effect<Stream.Stream<Refetch>, HeraldError, Scope.Scope>
    /** Waits until this node has what others had at `position`. Fails `FlagsBehind` where it has not in time. RG3 */
    readonly reached: (position: Position) => Effect.Effect<void, HeraldError>
  }
>()("herald/flags/Refetches") {
  static readonly layer = Layer.effect(
    Refetches,
    Effect.suspend(() => make())
  )
}

const ALIVE = "20 seconds"
/** Milliseconds. RG1 */
const BEFORE = 600_000
/** Milliseconds, over all and for each. RG2 */
const SPREAD = { most: 2_000, each: 1 }
/** How long a request waits for this node. RG3 */
const WAIT = "5 seconds"
/** Milliseconds after which to come again. */
const AGAIN = 1_000
/** Questions to the database at the same time, of which history it has. */
const ASKING = 2

const make = Effect.fnUntraced(function* () {
  const propagation = yield* Propagation
  const streams = yield* FlagStreams
  const log = yield* RevisionLog
  const clock = yield* Clock.Clock
  const asking = yield* Semaphore.make(ASKING)
  let readers = 0

  const open = Effect.fnUntraced(function* (environment: string, last: Position | undefined) {
    const ended = yield* Deferred.make<void>()
    let news = yield* Deferred.make<void>()
    const tell = () => Deferred.doneUnsafe(news, Effect.void)
    yield* Effect.acquireRelease(
      Effect.tap(streams.open(environment, { told: tell, ended: () => Deferred.doneUnsafe(ended, Effect.void) }), () =>
        Effect.sync(() => readers++)
      ),
      (close) =>
        Effect.sync(() => {
          readers--
          close()
        })
    )
    const missed =
      last === undefined
        ? streams.changed.since(environment, clock.currentTimeMillisUnsafe() - BEFORE)
        : streams.changed.after(environment, last)
    if (missed) tell()

    const next: Effect.Effect<Refetch> = Effect.gen(function* () {
      const woken = yield* Effect.timeoutOption(Deferred.await(news), ALIVE)
      if (woken._tag === "None") return { _tag: "Alive" }
      const spread = Math.min(SPREAD.most, readers * SPREAD.each)
      yield* Effect.sleep((yield* Random.next) * spread) // RG2
      news = yield* Deferred.make<void>()
      return { _tag: "Changed", at: propagation.position() }
    })
    // Who goes on from the first position has missed nothing.
    const first: Refetch = missed ? { _tag: "Alive" } : { _tag: "Open", at: propagation.position() }
    return Stream.succeed(first).pipe(
      Stream.concat(Stream.fromEffectRepeat(next)),
      Stream.interruptWhen(Deferred.await(ended))
    )
  })

  /** Whether `position` is of a history that is over, which this node then never comes to. */
  const isLost = ({ epoch }: Position) =>
    asking.withPermits(1)(
      Effect.map(log.head, (head) => head.epoch !== epoch && sameEpoch(head, propagation.position()))
    )

  const comes = (position: Position): Effect.Effect<void, HeraldError> =>
    Effect.gen(function* () {
      while (!covers(propagation.position(), position)) {
        const advanced = streams.advanced()
        if (!sameEpoch(propagation.position(), position) && (yield* isLost(position))) return
        yield* advanced
      }
    })

  const late = failure("FlagsBehind", "this node does not have the change yet of which you were told", {
    details: { retryAfterMillis: AGAIN }
  })

  const reached = (position: Position): Effect.Effect<void, HeraldError> =>
    covers(propagation.position(), position)
      ? Effect.void
      : Effect.timeoutOrElse(comes(position), { duration: WAIT, orElse: () => Effect.fail(late) })

  return Refetches.of({ open, reached })
})
