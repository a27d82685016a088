/** Schedules as a contract asks a store for them. */
import { Effect } from "effect"
import { digestOf } from "../../layers/Crypto/values/Sha256.ts"
import { Commits } from "../../src/commits/Commits.ts"
import type { Release } from "../../src/commits/Release.ts"
import type { Change } from "../../src/propagation/Revision.ts"
import type { EndWish, NewWish, Schedule } from "../../src/schedules/Schedule.ts"
import { ScheduleStore } from "../../src/schedules/ScheduleStore.ts"
import { release } from "../support/Release.ts"

export const commit = (changes: ReadonlyArray<object>, more: Partial<Release> = {}) =>
  Effect.flatMap(Commits, (commits) =>
    commits.commit<Change>({ ...release([]), ...more, changes: changes as Release["changes"] })
  )

/** In an hour, unless it says otherwise. */
export const wish = (changed: Partial<NewWish> = {}): NewWish => {
  const body = changed.body ?? "{}"
  return {
    kind: "schedule",
    environment: "production",
    key: "",
    state: "pending",
    dueAt: null,
    afterMillis: 3_600_000,
    touches: [],
    body,
    digest: digestOf(body),
    bytes: body.length,
    ...changed
  }
}
export const over = ({ environment, key }: Schedule, changed: Partial<EndWish> = {}): EndWish => ({
  kind: "schedule",
  environment,
  key,
  state: "cancelled",
  reason: "",
  graceMillis: null,
  ...changed
})

export const schedule = (changed: Partial<NewWish> = {}, more: Partial<Release> = {}) =>
  Effect.map(
    commit([wish(changed)], { action: "schedule", ...more }),
    ({ revision }) => revision.changes[0] as Schedule
  )
export const refused = (wishes: ReadonlyArray<object>, more: Partial<Release> = {}) =>
  Effect.map(Effect.flip(commit(wishes, more)), (error) => error)

/** A millisecond that the store's clock has left behind. */
export const past = Effect.gen(function* () {
  const store = yield* ScheduleStore
  const { now } = yield* store.due(undefined)
  while ((yield* store.due(undefined)).now <= now + 5) yield* Effect.yieldNow
})
/** Made now, and due. */
export const dueNow = Effect.fnUntraced(function* (changed: Partial<NewWish> = {}) {
  const made = yield* schedule({ afterMillis: 1, ...changed })
  yield* past
  return made
})
