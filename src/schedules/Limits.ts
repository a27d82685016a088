/** Why a scheduled change can't be asked for, or ended. Commits in memory ask here; herald_schedule_problem says the same in SQL. Pure. */
import { Conflict } from "../commits/Conflict.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import {
  AHEAD_MILLIS,
  type EndWish,
  type Expected,
  type NewWish,
  SCHEDULES,
  SCHEDULES_BYTES,
  SCHEDULES_EACH,
  type Schedule,
  type Touch
} from "./Schedule.ts"

const utc = (millis: number): string => new Date(millis).toISOString().replace(/\.\d+Z$/, "Z")

/** By the store's clock. */
export const dueOf = ({ dueAt, afterMillis }: NewWish, now: number): number => dueAt ?? now + afterMillis!

/** `pending`: all of every environment. DU2, DU3, DU4 */
export const newProblem = (
  wish: NewWish,
  by: string,
  now: number,
  pending: ReadonlyArray<Schedule>,
  versionOf: (touch: Pick<Touch, "kind" | "key">) => number
): HeraldError | undefined => {
  const { environment } = wish
  const due = dueOf(wish, now)
  if (due <= now) {
    return failure("ScheduleTime", `${utc(due)} is over by the clock of the database, where it is ${utc(now)}`)
  }
  if (due > now + AHEAD_MILLIS) return failure("ScheduleTime", `${utc(due)} is more than 400 days ahead`)
  const here = pending.filter((one) => one.environment === environment)
  if (here.length >= SCHEDULES) {
    return failure("SchedulesFull", `${environment} has ${SCHEDULES} scheduled changes already`)
  }
  if (here.reduce((sum, { bytes }) => sum + bytes, wish.bytes) > SCHEDULES_BYTES) {
    return failure(
      "SchedulesFull",
      `the scheduled changes of ${environment} would have more than ${SCHEDULES_BYTES} bytes`
    )
  }
  if (pending.filter(({ madeBy }) => madeBy === by).length >= SCHEDULES_EACH) {
    return failure("SchedulesFull", `${by} has ${SCHEDULES_EACH} scheduled changes already`)
  }
  for (const touch of wish.touches) {
    const { kind, key, expected } = touch
    const current = versionOf(touch)
    if (typeof expected !== "number" || expected === current) continue
    return new Conflict({
      name: "VersionConflict",
      message: `the ${kind} ${key} in ${environment} is at version ${current}, not ${expected}`,
      details: { key, environment, expected, current }
    })
  }
  return undefined
}

/** DU1, DU2, DU3 */
export const endProblem = (
  { environment, key, state, graceMillis, expected }: EndWish,
  held: { readonly schedule: Schedule; readonly expected: Expected } | undefined,
  now: number
): HeraldError | undefined => {
  const details = { key, environment }
  if (held === undefined)
    return failure("NotFound", `there is no scheduled change ${key} in ${environment}`, { details })
  const { schedule } = held
  if (schedule.state !== "pending") {
    return failure("ScheduleOver", `the scheduled change ${key} in ${environment} is over: it was ${schedule.state}`, {
      details: { ...details, state: schedule.state }
    })
  }
  const last = schedule.dueAt + (graceMillis ?? 0)
  const untimely =
    (state === "committed" && (now < schedule.dueAt || now > last)) || (state === "missed" && now <= last)
  return untimely || (expected !== undefined && !sameIn(expected, held.expected))
    ? failure("ScheduleOver", `the scheduled change ${key} in ${environment} can't be ${state} at ${utc(now)}`, {
        details: { ...details, state: schedule.state }
      })
    : undefined
}

const sameIn = (a: Expected, b: Expected): boolean =>
  Object.keys(a).length === Object.keys(b).length && Object.entries(a).every(([name, version]) => b[name] === version)
