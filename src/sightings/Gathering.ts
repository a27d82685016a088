/**
 * Tells the evidence store what the sessions of this node make of rollouts.
 *
 *   GH1  Nothing that happens to a session costs anything while there is no rollout; else a look into a map, and an entry of memory where its
 *        instance is in a cohort. Nothing waits for the database.
 *   GH2  What changed within `GATHER` is written together, at most 2,000 at a time, one batch after the other; what was counted, once in
 *        `COUNT`, and of that only what is otherwise than before.
 *   GH3  What could not be written is kept and tried again; nothing that was written is changed by being written again (EE2).
 *   GH4  A node that ends by itself says so, after all that it had to tell, but for what comes too early.
 *   GH5  While there is a rollout it says once in `COUNT` that nothing waits, if that is so: what it can't write, nobody goes on without (EE6).
 *   IR1–IR5 in Roll.ts, IW1–IW3 in Sightings.ts
 */
import { Clock, Duration, Effect, Layer, Metric, Queue } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import { EvidenceStore } from "../rollouts/EvidenceStore.ts"
import type { Rollout } from "../rollouts/Rollout.ts"
import { RolloutView } from "../rollouts/RolloutView.ts"
import type { Counted, Seen } from "../rollouts/Sighting.ts"
import { type Witness, Witnesses } from "../sessions/Witnesses.ts"
import { notice } from "../telemetry/Degraded.ts"
import { afterEvery, always } from "../telemetry/Every.ts"
import { lastWords } from "../telemetry/LastWords.ts"
import { counter, gauge } from "../telemetry/Metrics.ts"
import { Slices } from "../work/Slices.ts"
import { Roll } from "./Roll.ts"
import { Sightings } from "./Sightings.ts"

export interface GatheringOptions {
  /** After so long without a sign of life a node counts as dead. EE3 */
  readonly heartbeatTimeout: Duration.Input
  /** How many sightings may wait, and how many are written together: those of Sightings.ts unless given. */
  readonly waiting?: ConstructorParameters<typeof Sightings>[0]
}

/** GH2 */
const GATHER = "50 millis" as const
/** GH2 */
const COUNT = "1 second"
/** The pause after a batch that could not be written. */
const RETRY = "1 second" as const
/** The pause after a batch of sightings that came too early, all of them, if nothing else waits. */
const EARLY = "200 millis" as const
/** Rows of rollouts that are over, removed at a time. EE4 */
const SWEEP = 2_000

type Pause = typeof GATHER | typeof RETRY | typeof EARLY

const make = Effect.fnUntraced(function* ({ heartbeatTimeout, waiting: room }: GatheringOptions) {
  const store = yield* EvidenceStore
  const view = yield* RolloutView
  const witnesses = yield* Witnesses
  const clock = yield* Clock.Clock
  const wake = yield* Queue.sliding<void>(1)
  const slices = new Slices()
  const waiting = new Sightings(room)
  const now = () => clock.monotonicTimeNanosUnsafe()
  const touch = () => void Queue.offerUnsafe(wake, undefined)
  const roll = new Roll((sighting) => {
    if (waiting.size === 0) touch()
    waiting.add(sighting)
  })
  /** Versions of which it is written that this node has told of all. IR3 */
  const told = new Map<string, number>()

  const witness: Witness = {
    came: (session) => roll.came(session, now()),
    sent: (session, mark) => roll.sent(session, mark, now()),
    held: (session, mark) => roll.held(session, mark, now()),
    answered: (session, mark, applied, reason) => roll.answered(session, mark, applied, reason, now()),
    problem: (session, key, { revision }, reason) => roll.problem(session, key, revision, reason, now()),
    reported: ({ here, ref, connectedAt, ...subscription }, report) => {
      roll.reported({ ref, connectedAt, subscription }, report, here)
    },
    ended: (session, ending) => roll.ended(session, ending, now())
  }
  /** GH1: nobody is listened to while there is no rollout. */
  let stopWatching: (() => void) | undefined
  const watch = (): void => {
    if (roll.size > 0) stopWatching ??= witnesses.listen(witness)
    else {
      stopWatching?.()
      stopWatching = undefined
    }
  }
  const become = (rollout: Rollout): void => {
    if (roll.become(rollout) !== undefined) return
    waiting.forget(rollout.environment, rollout.key)
    told.delete(`${rollout.environment}/${rollout.key}`)
  }
  const begin = (): void => {
    roll.keepOnly(view.active())
    for (const rollout of view.active()) become(rollout)
    for (const tracked of roll.all()) {
      tracked.looked = -1
      tracked.counting.again()
    }
    told.clear()
    watch()
    touch()
  }
  const stopFollowing = view.listen((changed) => {
    if (changed === undefined) return begin()
    become(changed)
    watch()
    touch()
  })
  /** Looks at the instances of each rollout that changed. IR3 */
  const look = Effect.gen(function* () {
    if (waiting.hasRoom && waiting.wasDropped()) for (const tracked of roll.all()) tracked.looked = -1
    for (const tracked of [...roll.all()]) {
      const { environment, version } = tracked.rollout
      if (tracked.looked >= version) continue
      if (!waiting.hasRoom) return // IW1: what waits goes first
      const again = tracked.looked < 0
      for (const name of tracked.names)
        for (const session of witnesses.wanting(environment, name)) {
          roll.look(tracked, session, now(), again)
          if (slices.over()) yield* slices.turn
        }
      tracked.looked = version
    }
  })

  let countDue = false
  const countedOf = (): ReadonlyArray<Counted> => {
    const counted: Array<Counted> = []
    for (const { counting, rollout } of roll.all()) {
      const { environment, key } = rollout
      for (const one of counting.news()) counted.push({ environment, rollout: key, ...one })
    }
    return counted
  }
  /** Once nothing else waits. IR3 */
  const seenOf = (): ReadonlyArray<Seen> => {
    const seen: Array<Seen> = []
    for (const { looked, rollout } of roll.all()) {
      const { environment, key, version } = rollout
      if (looked === version && (told.get(`${environment}/${key}`) ?? 0) < version)
        seen.push({ environment, rollout: key, version })
    }
    return seen
  }

  const writes = yield* notice("postgresql-writes", {
    source: "rollouts",
    began: "what instances make of rollouts can't be written: it waits",
    ended: "what instances make of rollouts is written again"
  })
  const timeoutMillis = Duration.toMillis(heartbeatTimeout)

  /** The store has something of this run. */
  let wrote = false

  /** Writes one batch. Returns how long to wait before the next; undefined: nothing is left. */
  const write: Effect.Effect<Pause | undefined> = Effect.gen(function* () {
    const sightings = waiting.take()
    const counted = countDue ? countedOf() : []
    const all = sightings.length === waiting.size && !waiting.lacks
    const seen = all ? seenOf() : []
    const due = countDue
    countDue = false
    if (sightings.length + counted.length + seen.length === 0 && !(all && due)) return undefined
    const batch = { run: witnesses.run, timeoutMillis, sightings, counted, seen, all }
    return yield* Effect.matchEffect(store.write(batch), {
      onSuccess: Effect.fnUntraced(function* (early: ReadonlyArray<string>) {
        const kept = waiting.written(
          sightings,
          new Set(early),
          now(),
          (one) => witnesses.reporter(one)?.ref === one.session
        )
        for (const one of counted) roll.find(one.environment, one.rollout)?.counting.wrote(one)
        for (const { environment, rollout, version } of seen) told.set(`${environment}/${rollout}`, version)
        wrote = true
        yield* writes.works
        yield* Metric.update(writtenTotal, sightings.length)
        yield* Metric.update(pending, waiting.size)
        if (waiting.size === 0) return undefined
        return waiting.hasUntried || kept < sightings.length ? GATHER : EARLY
      }),
      onFailure: Effect.fnUntraced(function* ({ message }: HeraldError) {
        countDue = due // GH3
        yield* writes.fails(message)
        yield* Metric.update(pending, waiting.size)
        return RETRY
      })
    })
  })

  const round = Effect.gen(function* () {
    yield* Queue.take(wake)
    yield* Effect.sleep(GATHER)
    while (true) {
      yield* look
      const pause = yield* write
      if (pause === undefined) return
      yield* Effect.sleep(pause)
    }
  })
  begin()

  yield* Effect.addFinalizer(() => {
    stopFollowing()
    stopWatching?.()
    if (!wrote && waiting.size === 0) return Effect.void
    countDue = true
    const rest = write.pipe(Effect.repeat({ while: (pause) => pause === GATHER }))
    const all = Effect.andThen(rest, store.leave(witnesses.run))
    return lastWords("what instances make of rollouts was not written at the end", all) // GH4
  })
  yield* Effect.forkScoped(always("what instances make of rollouts was not written", round))

  const count = Effect.sync(() => {
    countDue = roll.size > 0
    if (countDue) touch()
  })
  yield* Effect.forkScoped(afterEvery("what instances counted was not written", COUNT, count))

  /** EE4. By whichever node: what another one removes is left out. */
  const sweep = store.sweep(SWEEP).pipe(Effect.repeat({ while: (went) => went >= SWEEP }))
  yield* Effect.forkScoped(afterEvery("what is of rollouts that are over was not removed", "30 seconds", sweep))
})

export const layer = (options: GatheringOptions) => Layer.effectDiscard(make(options))

const writtenTotal = counter(
  "herald_rollout_sightings_written_total",
  "changes of instances in rollouts that this node has written"
)
const pending = gauge("herald_rollout_sightings_pending", "changes of instances in rollouts that wait to be written")
