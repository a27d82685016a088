/**
 * Makes scheduled changes when their time comes. Every node waits for the next one; of several, one has the lease and the work. That it is made
 * once does not hang on the lease: DU1.
 *
 *   SY1  Who asked for it acts when it is due: what that principal may not do any more is refused.
 *   SY2  What can't be made for a reason that may pass is tried again until the grace is over, and keeps none from being made that changes
 *        other things.
 *   SY3  A change that was not made is told of in the log, with why, as one that was.
 *   SY4  Changes of one thing are made in the order of their times, and those of one time in the order in which they were asked for. Others may
 *        be made at the same time; what is refused then is decided on once more, alone and in its order.
 */
import { Cause, Effect, Layer, Metric } from "effect"
import { makeActing } from "../access/Acting.ts"
import { CurrentIdentity, system } from "../access/Identity.ts"
import type { Beside } from "../commits/Beside.ts"
import { makeCommitting } from "../commits/Committing.ts"
import { Conflict, Overtaken } from "../commits/Conflict.ts"
import { toldToAll } from "../commits/Unseen.ts"
import { Configurations } from "../configuration/Configurations.ts"
import { catalogue } from "../errors/Catalogue.ts"
import { HeraldError } from "../errors/HeraldError.ts"
import { Flags } from "../flags/Flags.ts"
import { Leases } from "../leases/Leases.ts"
import { notice } from "../telemetry/Degraded.ts"
import { always, saidOf } from "../telemetry/Every.ts"
import { counter, each, gauge, histogram } from "../telemetry/Metrics.ts"
import { draftsOf } from "./Body.ts"
import { aboutsOfTouches, type EndWish, REASON, type Schedule, states } from "./Schedule.ts"
import { DUE, type DueOne, type Held, ScheduleStore } from "./ScheduleStore.ts"
import { ScheduleView } from "./ScheduleView.ts"

export interface SchedulerOptions {
  /** This run of the process, as in the list of nodes. */
  readonly run: string
  /** How much later than its time a change is still made. DU2 */
  readonly graceMillis: number
}

/** Milliseconds. Whoever holds the lease and dies keeps the others from their work for so long. */
const LEASE = 2_000
/** Milliseconds between two looks when nothing is due: the clock of the database may jump. */
const IDLE = 5_000
/** Milliseconds until another look when something is due and was not made. */
const AGAIN = 500
/** Milliseconds; when a change is later, the node says that it is degraded. */
const LATE = 5_000
/** For one change. What it was about to commit is committed by then, or the next look finds it pending. */
const LONGEST = "30 seconds"
/** At the same time. */
const ABREAST = 8

/** early: refused beside others, so perhaps too early. left: for the next look. */
type Outcome = "over" | "left" | "early"

const NONE = Effect.succeed([])

const make = Effect.fnUntraced(function* ({ run, graceMillis }: SchedulerOptions) {
  const store = yield* ScheduleStore
  const view = yield* ScheduleView
  const leases = yield* Leases
  const actingFor = yield* makeActing
  const configurations = yield* Configurations
  const flags = yield* Flags
  const commit = yield* makeCommitting
  const late = yield* notice("schedules", {
    source: "due",
    began: "scheduled changes wait although their time has come",
    ended: "no scheduled change waits any more"
  })

  const over = (schedule: Schedule, state: EndWish["state"], fields: Readonly<Record<string, unknown>>) => {
    const { environment, key: id } = schedule
    const line = { environment, id, ...fields }
    const log =
      state === "committed"
        ? Effect.logInfo("a scheduled change was made", line)
        : Effect.logWarning(`a scheduled change was ${state}`, line)
    return Effect.andThen(Metric.update(Metric.withAttributes(endedTotal, { state }), 1), log)
  }

  /** SY3 */
  const end = Effect.fnUntraced(function* (
    { schedule, expected }: Held,
    state: "cancelled" | "refused" | "missed",
    why: string,
    /** As the log of the node has it. */
    known = why
  ) {
    const { environment, key } = schedule
    const reason = keepable(why)
    const wish: EndWish = { kind: "schedule", environment, key, state, reason, graceMillis, expected }
    yield* commit<Schedule>({
      action: "cancel",
      identity: system,
      options: { message: `the scheduled change ${key} was ${state}: ${reason}` },
      request: undefined,
      check: () => Effect.succeed({ changes: [wish] })
    })
    yield* over(schedule, state, { reason: keepable(known) })
  })

  const carryOut = Effect.fnUntraced(function* ({ schedule, keyId, expected, body }: Held) {
    const { environment, key, madeBy, message, touches } = schedule
    const identity = yield* actingFor({ name: madeBy, keyId }, "config.write", environment, aboutsOfTouches(touches)) // SY1
    const drafts = draftsOf(body, environment, expected)
    const done: EndWish = { kind: "schedule", environment, key, state: "committed", reason: "", graceMillis }
    yield* Effect.gen(function* () {
      const of = drafts.flags.length === 0 ? undefined : yield* flags.beside(drafts.flags)
      const beside: Beside = {
        identity,
        changes: of?.changes ?? 0,
        bytes: of?.bytes ?? 0,
        request: undefined,
        check: Effect.map(of?.check ?? NONE, (wishes) => [...wishes, done]) // DU1
      }
      const { revision } = yield* configurations.release(drafts.changes, { message }, beside)
      const lateness = Math.max(0, revision.committedAt - schedule.dueAt)
      yield* Metric.update(latenessSeconds, lateness / 1_000)
      yield* over(schedule, "committed", { revision: String(revision.revision), lateMillis: lateness })
    }).pipe(Effect.provideService(CurrentIdentity, identity))
  })

  const settle = Effect.fnUntraced(function* (
    { environment, key, dueAt }: DueOne,
    now: number,
    alone: boolean
  ): Effect.fn.Return<Outcome, HeraldError> {
    const held = yield* store.find(environment, key)
    if (held?.schedule.state !== "pending") return "over"
    const ended = (state: "cancelled" | "refused" | "missed", why: string, known = why) =>
      Effect.as(end(held, state, why, known), "over" as const)
    if (now > dueAt + graceMillis) {
      const at = new Date(dueAt).toISOString()
      return yield* ended("missed", `it was to be made at ${at}, and nobody could until its grace was over`)
    }
    return yield* carryOut(held).pipe(
      Effect.as("over" as const),
      Effect.catch((error): Effect.Effect<Outcome, HeraldError> => {
        if (isOver(error) || mayPass(error)) return Effect.fail(error)
        if (!alone) return Effect.succeed("early")
        return error instanceof Conflict
          ? ended("cancelled", error.message)
          : ended("refused", saying(toldToAll(error)), saying(error)) // AQ24
      })
    )
  })

  /** What could not be made at the last try, and why: told once. */
  const waiting = new Map<string, string>()
  const stays = ({ environment, key: id }: DueOne, why: string, cause: Cause.Cause<unknown>) => {
    const name = `${environment}/${id}`
    const known = waiting.get(name) === why
    waiting.set(name, why)
    const said = { environment, id, reason: why }
    if (known) return Effect.logDebug("a scheduled change still waits", said)
    return Cause.hasDies(cause)
      ? Effect.logError("a scheduled change met a defect, and is tried again", said, cause)
      : Effect.logWarning("a scheduled change could not be made yet, and is tried again", said)
  }

  /** SY2 */
  const tried = (one: DueOne, now: number, alone: boolean): Effect.Effect<Outcome> =>
    settle(one, now, alone).pipe(
      Effect.timeout(LONGEST),
      Effect.catchCause((cause) => {
        const error = cause.reasons.find(Cause.isFailReason)?.error
        if (error instanceof HeraldError && isOver(error)) return Effect.succeed<Outcome>("over")
        const why = error instanceof HeraldError ? saying(error) : "it took too long, or met a defect"
        return Effect.as(stays(one, why, cause), "left" as Outcome)
      }),
      Effect.tap((outcome) => Effect.sync(() => outcome === "over" && waiting.delete(`${one.environment}/${one.key}`)))
    )

  /** SY4. `behind`: what those that are left change, so that later ones of it wait. Returns how many are left. */
  const inTurn = Effect.fnUntraced(function* (those: ReadonlyArray<DueOne>, now: number, behind: Set<string>) {
    let left = 0
    const leave = (one: DueOne): void => {
      left++
      for (const name of namesOf(one)) behind.add(name)
    }
    for (const all of wavesOf(those)) {
      const { wave = [], waits = [] } = Object.groupBy(all, (one) =>
        namesOf(one).some((name) => behind.has(name)) ? "waits" : "wave"
      )
      for (const one of waits) leave(one)
      const together = (one: DueOne) => tried(one, now, wave.length === 1)
      const outcomes = yield* Effect.forEach(wave, together, { concurrency: ABREAST })
      for (const [at, outcome] of outcomes.entries()) {
        const last = outcome === "early" ? yield* tried(wave[at]!, now, true) : outcome
        if (last === "left") leave(wave[at]!)
      }
    }
    return left
  })

  /** One look at what is due. Returns in how many milliseconds there is to be another. */
  const look = Effect.gen(function* () {
    let page = yield* store.due(undefined)
    const { now, next, pending } = page
    yield* Metric.update(pendingGauge, pending)
    const first = page.due[0]
    if (first === undefined) {
      waiting.clear()
      yield* late.works
      return next === undefined ? IDLE : Math.min(IDLE, Math.max(1, next - now))
    }
    if (now - first.dueAt > LATE)
      yield* late.fails(`${pending} pending, the first for ${Math.round((now - first.dueAt) / 1_000)} s`)
    let left = 0
    const behind = new Set<string>()
    while (page.due.length > 0) {
      if ((yield* leases.claim("schedules", run, LEASE)) === undefined) return AGAIN
      left += yield* inTurn(page.due, now, behind)
      page = page.due.length < DUE ? { ...page, due: [] } : yield* store.due(page.due.at(-1))
    }
    return left === 0 ? 0 : AGAIN
  })

  yield* Effect.forkScoped(
    always(
      "the scheduler met a defect",
      look.pipe(
        Effect.catch((error) =>
          Effect.as(Effect.logDebug("nobody could look for scheduled changes", saidOf(error)), AGAIN)
        ),
        Effect.flatMap((millis) => Effect.raceFirst(Effect.sleep(millis), view.news))
      )
    )
  )
})

const namesOf = ({ environment, touches }: DueOne): ReadonlyArray<string> =>
  touches.map((name) => `${environment}/${name}`)

/** In their order: no two of a wave change the same thing. */
const wavesOf = (those: ReadonlyArray<DueOne>): ReadonlyArray<ReadonlyArray<DueOne>> => {
  const waves: Array<Array<DueOne>> = []
  const taken = new Set<string>()
  for (const one of those) {
    const names = namesOf(one)
    if (waves.length === 0 || names.some((name) => taken.has(name))) {
      waves.push([])
      taken.clear()
    }
    waves.at(-1)!.push(one)
    for (const name of names) taken.add(name)
  }
  return waves
}

/** It may quote a text that can't be kept. */
const keepable = (text: string): string => text.slice(0, REASON).toWellFormed().replaceAll("\u0000", "\ufffd")

const saying = ({ message, code }: HeraldError): string => `${message} (${code})`

/** Somebody else has settled it. DU1 */
const isOver = ({ row }: HeraldError): boolean => row === catalogue.ScheduleOver

/** Overtaken, asked too often, or not answered: the same may be made a little later. */
const mayPass = (error: HeraldError): boolean =>
  error instanceof Overtaken || !error.refused || error.row.http === 429 || error.row.http === 408

/** Makes what is due as long as the layer lives. */
export const layer = (options: SchedulerOptions) => Layer.effectDiscard(make(options))

const endedTotal = counter(
  "herald_schedules_ended_total",
  "scheduled changes that this node made, or found that they can't be made",
  each(
    "state",
    states.filter((state) => state !== "pending")
  )
)
const latenessSeconds = histogram(
  "herald_schedule_lateness_seconds",
  "how long after its time a scheduled change was committed, by the database's clock",
  [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 30, 300, 3_600]
)
const pendingGauge = gauge(
  "herald_schedules_pending",
  "scheduled changes whose time has not come, or that could not be made yet"
)
