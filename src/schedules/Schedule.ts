/**
 * A change that is to be made at a time (decision 0026), as it is stored and told, and how the log and the lanes have it. Pure.
 *
 *   DU1  A scheduled change is made once or never: it is no longer pending in the commit that makes it, and whoever comes later is refused
 *        where its turn is decided. So it does not matter how many nodes take it up, or when.
 *   DU2  It is made at its time by the clock of the database, not before, and not later than the grace; then it is missed, and stays so.
 *   DU3  It replaces the version that was current when it was asked for, or the one that was named. What schedules of before have made of that
 *        since is no surprise to it; any other change cancels it.
 *   DU4  An environment has at most `SCHEDULES` pending, with `SCHEDULES_BYTES`; a principal has `SCHEDULES_EACH`; none is further ahead than
 *        `AHEAD_MILLIS`.
 */
import { aboutOf } from "../access/About.ts"
import type { About } from "../access/Decision.ts"
import type { Wish } from "../commits/Release.ts"
import { type Kind, OVERHEAD } from "../propagation/Kind.ts"
import type { Change } from "../propagation/Revision.ts"

/** Pending scheduled changes of one environment. */
export const SCHEDULES = 1_000
/** Pending scheduled changes of one principal. */
export const SCHEDULES_EACH = 500
/** Bytes of all that is pending in one environment. */
export const SCHEDULES_BYTES = 67_108_864
/** Bytes of one, with its values. */
export const SCHEDULE_BYTES = 8_388_608
export const AHEAD_MILLIS = 400 * 86_400_000
/** Characters. */
export const REASON = 1_000

/** cancelled: by someone, or as what it would change was changed; refused: as a publish is; missed: its time was over. */
export const states = ["pending", "committed", "cancelled", "refused", "missed"] as const
export type State = (typeof states)[number]

/** What somebody has to be allowed to touch, all of it, to ask for a scheduled change, or to see it. */
export const aboutsOfTouches = (
  touches: Iterable<{ readonly kind: string; readonly key: string }>
): ReadonlyArray<About | undefined> => Array.from(touches, ({ kind, key }) => aboutOf(kind, key))

/** What one change is of. */
export interface Touch {
  /** A kind of change. */
  readonly kind: string
  readonly key: string
  /** The version that it replaces; 0: it must not be there; null: any. DU3 */
  readonly expected: number | null
}

export interface Schedule extends Change {
  readonly kind: "schedule"
  /** Of its newest change. */
  readonly revision: bigint
  readonly state: State
  /** Milliseconds since 1970 by the clock of the database, as are the other times. */
  readonly dueAt: number
  readonly madeAt: number
  /** A principal. */
  readonly madeBy: string
  readonly message: string
  readonly touches: ReadonlyArray<Touch>
  /** SHA-256 (hex) of what is to be done. */
  readonly digest: string
  /** Of what is to be done. */
  readonly bytes: number
  /** null while it is pending. */
  readonly endedAt: number | null
  /** A principal; "" while it is pending. */
  readonly endedBy: string
  /** Why it was not made; "" for no reason. */
  readonly reason: string
}

/** By "<kind>/<key>". */
export type Expected = Readonly<Record<string, number>>
export const nameOf = ({ kind, key }: Pick<Touch, "kind" | "key">): string => `${kind}/${key}`

/** To be made. Its key is given by the store. */
export interface NewWish extends Wish<Schedule> {
  readonly kind: "schedule"
  readonly state: "pending"
  /** One of both: the time, or how long from now. */
  readonly dueAt: number | null
  readonly afterMillis: number | null
  /** `current`: the version that is current when the commit has its turn. */
  readonly touches: ReadonlyArray<Omit<Touch, "expected"> & { readonly expected: number | "current" | null }>
  /** What is to be done, as JSON. */
  readonly body: string
  readonly digest: string
  readonly bytes: number
}

/** To be no longer pending. */
export interface EndWish extends Wish<Schedule> {
  readonly kind: "schedule"
  readonly state: Exclude<State, "pending">
  readonly reason: string
  /** For committed and missed. DU2 */
  readonly graceMillis: number | null
  /** Refused when other versions are expected by now. */
  readonly expected?: Expected
}

export type ScheduleWish = NewWish | EndWish

export const isNew = (wish: ScheduleWish): wish is NewWish => wish.state === "pending"

/** As rows and JSON carry it: JSON has no 64-bit integers. */
export type ScheduleRow = Omit<Schedule, "kind" | "revision"> & { readonly revision: string }

export const asSchedule = (row: ScheduleRow): Schedule => ({
  kind: "schedule",
  environment: row.environment,
  key: row.key,
  revision: BigInt(row.revision),
  state: row.state,
  dueAt: row.dueAt,
  madeAt: row.madeAt,
  madeBy: row.madeBy,
  message: row.message,
  touches: row.touches.map(({ kind, key, expected }) => ({ kind, key, expected })),
  digest: row.digest,
  bytes: row.bytes,
  endedAt: row.endedAt,
  endedBy: row.endedBy,
  reason: row.reason
})

const texts = ["environment", "key", "madeBy", "message", "digest", "endedBy", "reason"] as const
const numbers = ["dueAt", "madeAt", "bytes"] as const

/** Anybody may have sent it. */
const isRow = (said: Partial<Record<keyof ScheduleRow, unknown>>): said is ScheduleRow =>
  texts.every((name) => typeof said[name] === "string") &&
  numbers.every((name) => Number.isFinite(said[name])) &&
  states.includes(said.state as State) &&
  (said.endedAt === null || Number.isFinite(said.endedAt)) &&
  Array.isArray(said.touches) &&
  said.touches.every(isTouch) &&
  /^\d{1,19}$/.test(String(said.revision))

const isTouch = (said: Partial<Touch> | null): boolean =>
  typeof said?.kind === "string" &&
  typeof said.key === "string" &&
  (said.expected === null || Number.isInteger(said.expected))

/** About how many bytes of memory it takes. */
export const scheduleBytes = ({ message, reason, touches }: Schedule): number =>
  OVERHEAD + 2 * (message.length + reason.length) + touches.reduce((sum, { key }) => sum + 100 + 2 * key.length, 0)

export const scheduleKind: Kind<Schedule> = {
  name: "schedule",
  bytes: scheduleBytes,
  fromLog: (stored) => asSchedule(stored as ScheduleRow),
  toLane: ({ kind: _, revision, ...schedule }) => ({ ...schedule, revision: String(revision) }),
  fromLane: (said) => (isRow(said) ? asSchedule(said) : undefined),
  word: "schedule",
  /** The first version is that it is pending, the second and last what became of it: why, says the message of the revision. */
  touches: ({ touches }) => aboutsOfTouches(touches),
  told: ({ state }) => ({
    service: "",
    version: state === "pending" ? 1 : 2,
    deleted: state !== "pending",
    value: null,
    valueType: "json",
    digest: ""
  })
}
