/**
 * Keeps count of how flags are used: what the doors note, and what applications report, written in batches.
 *
 *   UG1  Whoever evaluates waits for nothing: `note…` only changes memory.
 *   UG2  What a node counted is written once, however often writing it was tried: each part keeps its name until it is written. While it waits,
 *        what comes later gathers within the bounds of UN2, and no second part is made.
 *   UG3  A report is answered when it is durable. One that failed wrote nothing, or counts once when it is sent again under its name.
 *   UG4  Reports that wait are bounded in number and in items; more are refused with the time to wait. Many are written by one call.
 *   UG5  What can never be written holds nothing else up: it fails alone.
 *   UG6  Only of environments that have flags is anything written: a caller may make up names of others.
 */
import { Cause, Clock, Context, Deferred, type Duration, Effect, Exit, Layer, Option, Queue, Semaphore } from "effect"
import { failure, HeraldError } from "../errors/HeraldError.ts"
import type { Unkeepable } from "../errors/Unkeepable.ts"
import { notice } from "../telemetry/Degraded.ts"
import { afterEvery, always } from "../telemetry/Every.ts"
import { lastWords } from "../telemetry/LastWords.ts"
import type { Caller } from "./Caller.ts"
import { Counts, type Tally } from "./Counts.ts"
import { measureRecorded, measureTally } from "./Measured.ts"
import { UsageStore } from "./UsageStore.ts"
import type { LastUse, Recorded, UsageBatch } from "./Use.ts"

export interface UsageOptions {
  /** Exposures, and tracks, that an environment takes of one day. */
  readonly reportsPerDay: number
  readonly flushEvery: Duration.Input
}

export const usageDefaults: UsageOptions = { reportsPerDay: 1_000_000, flushEvery: "30 seconds" }

export class Usage extends Context.Service<
  Usage,
  {
    /** One evaluation of a flag that is there. `variant` "": the caller's own default. `outcome`: the reason, or with ERROR the code. UG1 */
    readonly note: (
      environment: string,
      flag: string,
      version: number,
      variant: string,
      outcome: string,
      caller: Caller
    ) => void
    /** An evaluation of a flag that is not there. */
    readonly noteMiss: (outcome: string, caller: Caller) => void
    /** All flags of an environment were given at once. UG1 */
    readonly noteAll: (environment: string, caller: Caller) => void
    /** A client follows all flags of an environment. Gives what ends that. */
    readonly follow: (environment: string, caller: Caller) => () => void
    /** Writes a checked report. Fails `Busy`, `InvalidInput` for what can't be kept, `DatabaseUnavailable`, `DatabaseReadOnly`, `Timeout`. UG3 */
    readonly report: (batch: UsageBatch) => Effect.Effect<Recorded, HeraldError>
    /** When a flag was used last: what other nodes counted in the last half minute may be missing. Fails as the store. */
    readonly lastOf: (environment: string, flag: string) => Effect.Effect<LastUse | undefined, HeraldError>
    /** Says which environments have flags; all, until it is said. UG6 */
    readonly onlyWhere: (hasFlags: (environment: string) => boolean) => void
    /** Writes what is pending now; for shutdown and tests. Never fails: what can't be written stays pending. */
    readonly flush: Effect.Effect<void>
    /** Clients of this node that follow all flags of an environment. */
    readonly following: (environment: string) => ReadonlyMap<Caller, number>
  }
>()("herald/usage/Usage") {
  static readonly layer = (options: Partial<UsageOptions> = {}) =>
    Layer.effect(Usage, make({ ...usageDefaults, ...options }))
}

/** Between two looks of the metrics at what was counted. */
const MEASURE = "1 second"
/** The pause after a call that failed. */
const RETRY = "1 second"
/** Reports that wait, their items, and items that one call takes. UG4 */
const [WAITING, WAITING_ITEMS, CALL_ITEMS] = [1_024, 100_000, 10_000]
/** Parts of this node that one call takes. */
const PARTS = 2

interface Waiting {
  readonly batch: UsageBatch
  readonly done: Deferred.Deferred<Recorded, HeraldError>
  left: boolean
}

const itemsOf = ({ uses, exposures, tracks }: UsageBatch): number => uses.length + exposures.length + tracks.length

const make = Effect.fnUntraced(function* (options: UsageOptions) {
  const store = yield* UsageStore
  const clock = yield* Clock.Clock
  const wake = yield* Queue.sliding<void>(1)
  const counts = new Counts()
  const run = crypto.randomUUID()
  let parts = 0
  /** Of this node, to be written under the names that they have. UG2 */
  let own: Array<UsageBatch> = []
  const waiting: Array<Waiting> = []
  let items = 0

  const writes = yield* notice("postgresql-writes", {
    source: "usage",
    began: "how flags are used can't be written: it waits",
    ended: "how flags are used is written again"
  })

  const again = (): void => void Queue.offerUnsafe(wake, undefined)

  /** Rows that are to be written now. */
  let due = 0
  let hasFlags: (environment: string) => boolean = () => true
  const ask = (): void => {
    due = counts.due()
  }

  /** UG2 */
  const gather = (): void => {
    if (own.length > 0 || due <= 0) return
    const nothing = { principal: "", exposures: [], tracks: [] }
    own = counts
      .take(clock.currentTimeMillisUnsafe())
      .map((counted) => ({ ...nothing, ...counted, batch: `${run}.${++parts}` }))
    for (const { uses } of own) due -= uses.length
    own = own.filter(({ environment }) => hasFlags(environment)) // UG6
  }

  /** Reports for one call, one at least. */
  const takeReports = (): ReadonlyArray<Waiting> => {
    const taken: Array<Waiting> = []
    for (let room = CALL_ITEMS; room > 0 && waiting.length > 0; ) {
      const one = waiting.shift()!
      items -= itemsOf(one.batch)
      room -= itemsOf(one.batch)
      if (!one.left) taken.push(one)
    }
    return taken
  }

  type Outcome = Recorded | HeraldError
  /** What became of each; the effect fails when the store could not say. UG5 */
  const recordAll = (batches: ReadonlyArray<UsageBatch>): Effect.Effect<ReadonlyArray<Outcome>, HeraldError> =>
    Effect.catchTag(
      store.record(batches, options.reportsPerDay) as Effect.Effect<ReadonlyArray<Outcome>, HeraldError | Unkeepable>,
      "Unkeepable",
      ({ message }) =>
        batches.length === 1
          ? Effect.as(Effect.logWarning("what was told of flags' use can't be kept", { reason: message }), [
              failure("InvalidInput", "the batch has something in it that can't be kept")
            ])
          : Effect.map(
              Effect.forEach(batches, (batch) => recordAll([batch])),
              (answers) => answers.flat()
            )
    )

  /** Writes parts of this node, and reports; false when that failed. */
  const writeOnce = Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      gather()
      const reports = takeReports()
      const mine = own.slice(0, PARTS)
      const batches = [...mine, ...reports.map(({ batch }) => batch)]
      if (batches.length === 0) return true
      const exit = yield* Effect.exit(restore(recordAll(batches)))
      if (Exit.isFailure(exit)) {
        const error = Option.getOrElse(Cause.findErrorOption(exit.cause), () => interrupted)
        for (const { done } of reports) Deferred.doneUnsafe(done, Effect.fail(error)) // UG3
        yield* writes.fails(error.message)
        return false
      }
      own = own.slice(mine.length)
      yield* writes.works
      const answers = exit.value.slice(mine.length)
      for (const [index, { done }] of reports.entries()) {
        const answer = answers[index]!
        Deferred.doneUnsafe(done, answer instanceof HeraldError ? Effect.fail(answer) : Effect.succeed(answer))
      }
      yield* measured(exit.value.slice(0, mine.length), reports, answers)
      return true
    })
  )

  /** One at a time, so that no part is sent twice at once. UG2 */
  const turns = yield* Semaphore.make(1)
  const write = turns.withPermits(1)(writeOnce)

  const measured = (mine: ReadonlyArray<Outcome>, reports: ReadonlyArray<Waiting>, answers: ReadonlyArray<Outcome>) =>
    Effect.suspend(() => {
      const said: Array<readonly [UsageBatch | undefined, Recorded]> = []
      for (const one of mine) if (!(one instanceof HeraldError)) said.push([undefined, one])
      for (const [index, one] of answers.entries())
        if (!(one instanceof HeraldError)) said.push([reports[index]!.batch, one])
      const { leftOut } = counts
      counts.leftOut = 0
      return measureRecorded(said, leftOut)
    })

  const writeWhile = (more: () => boolean) =>
    Effect.sync(ask).pipe(Effect.andThen(write), Effect.repeat({ while: (done) => done && more() }), Effect.asVoid)
  const flush = writeWhile(() => own.length > 0 || due > 0)
  // Runs after the loop below has ended: reports that wait are written and answered, or fail.
  yield* Effect.addFinalizer(() =>
    lastWords(
      "how flags are used was not written at the end",
      writeWhile(() => own.length > 0 || due > 0 || waiting.length > 0)
    ).pipe(
      Effect.andThen(
        Effect.sync(() => {
          for (const { done } of waiting.splice(0)) Deferred.doneUnsafe(done, Effect.fail(interrupted))
        })
      )
    )
  )
  const woken = Queue.take(wake).pipe(Effect.asVoid)
  const round = Effect.andThen(woken, write).pipe(
    Effect.tap((done) =>
      Effect.sync(() => (done && (own.length > 0 || due > 0 || waiting.length > 0) ? again() : undefined))
    ),
    Effect.flatMap((done) => (done ? Effect.void : Effect.andThen(Effect.sleep(RETRY), Effect.sync(again))))
  )
  yield* Effect.forkScoped(always("how flags are used was not written", round))
  yield* Effect.forkScoped(
    afterEvery(
      "evaluations were not gathered",
      options.flushEvery,
      Effect.sync(() => {
        ask()
        again()
      })
    )
  )

  const measure = Effect.suspend(() => {
    const seen: Array<Tally> = []
    counts.tallied((tally) => seen.push({ ...tally }))
    return Effect.forEach(seen, measureTally, { discard: true })
  })
  yield* Effect.forkScoped(afterEvery("evaluations were not counted", MEASURE, measure))

  return Usage.of({
    note: (environment, flag, version, variant, outcome, caller) =>
      counts.note(environment, flag, version, variant, outcome, caller),
    noteMiss: (outcome, caller) => counts.miss(outcome, caller),
    noteAll: (environment, caller) => counts.gave(environment, caller),
    follow: (environment, caller) => counts.follow(environment, caller),
    report: (batch) =>
      Effect.suspend(() => {
        const size = itemsOf(batch)
        // UG4
        if (waiting.length >= WAITING || items + size > WAITING_ITEMS)
          return Effect.fail(
            failure("Busy", "many reports wait to be written", { details: { retryAfterMillis: 1_000 } })
          )
        const one: Waiting = { batch, done: Deferred.makeUnsafe(), left: false }
        waiting.push(one)
        items += size
        again()
        return Effect.onInterrupt(Deferred.await(one.done), () =>
          Effect.sync(() => {
            one.left = true
          })
        )
      }),
    lastOf: (environment, flag) => Effect.andThen(flush, store.lastOf(environment, flag)),
    onlyWhere: (those) => {
      hasFlags = those
    },
    flush,
    following: (environment) => counts.following(environment)
  })
})

const interrupted = failure("DatabaseUnavailable", "could not write how flags are used: this server is leaving")
