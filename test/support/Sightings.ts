/** What instances make of rollouts, as a test tells a store of it. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { InstanceStore } from "../../src/fleet/InstanceStore.ts"
import type { Condition } from "../../src/rollouts/Evidence.ts"
import { type EvidenceBatch, EvidenceStore, type Sighting } from "../../src/rollouts/EvidenceStore.ts"
import type { Rollout } from "../../src/rollouts/Rollout.ts"
import { fresh } from "./fresh.ts"
import { instance } from "./Instance.ts"
import { change } from "./Release.ts"
import { candidate, commit, rolled, stageWish, startWish } from "./RolloutWishes.ts"

/** In its first stage. */
export const started = Effect.gen(function* () {
  const key = fresh("config")
  yield* commit([change(key, "1")])
  return yield* rolled([stageWish(yield* rolled([startWish([candidate(key, "2")])]))])
})

/** Polls. Time decides only when to give up. */
export const until = <E, R>(holds: Effect.Effect<boolean, E, R>) =>
  holds.pipe(
    Effect.delay("5 millis"),
    Effect.repeat({ while: (held) => !held, times: 2_000 }),
    Effect.map(assert.isTrue)
  )

export const run = () => `${fresh("run").replaceAll("/", "-")}`

export const seen = (
  rollout: Rollout,
  session: string,
  number: number,
  is: Condition,
  more: Partial<Sighting> = {}
): Sighting => ({
  environment: rollout.environment,
  rollout: rollout.key,
  service: "svc",
  instance: "i1",
  stage: 0,
  session,
  since: 1_000,
  number,
  news: number,
  is,
  said: is === "healthy" || is === "unhealthy",
  broke: 0,
  reason: "",
  ...more
})

export const write = (run: string, sightings: ReadonlyArray<Sighting>, more: Partial<EvidenceBatch> = {}) =>
  Effect.flatMap(EvidenceStore, (store) =>
    store.write({ run, timeoutMillis: 90_000, sightings, counted: [], seen: [], all: true, ...more })
  )
export const alive = (run: string, node = run, timeoutMillis = 90_000) =>
  Effect.flatMap(InstanceStore, (store) => store.seen({ run, node, timeoutMillis }))
export const leave = (run: string) => Effect.flatMap(EvidenceStore, (store) => store.leave(run))

export const read = (
  { environment, key }: Rollout,
  options: { readonly lostAfterMillis?: number; readonly crashes?: number; readonly slow?: ReadonlyArray<number> } = {}
) =>
  Effect.flatMap(EvidenceStore, (store) =>
    store.read(environment, key, { lostAfterMillis: 60_000, crashes: 3, slow: [], ...options })
  )
/** Conditions with how many have them, without those that nobody has. */
export const counts = (rollout: Rollout, options?: Parameters<typeof read>[1]) =>
  Effect.map(read(rollout, options), (evidence) => {
    const { slow, ...rest } = evidence!.counts
    return Object.fromEntries(Object.entries(rest).filter(([, n]) => n !== 0))
  })
export const bad = (rollout: Rollout) => Effect.map(read(rollout), (evidence) => evidence!.bad)
export const changed = ({ environment, key }: Rollout) =>
  Effect.flatMap(EvidenceStore, (store) => Effect.map(store.changed, (all) => all.get(`${environment}/${key}`)))

export const instances = (...notes: ReadonlyArray<Parameters<typeof instance>>) =>
  Effect.flatMap(InstanceStore, (store) =>
    store.write({ instances: notes.map((note) => instance(...note)), deliveries: [], held: [], health: [] })
  )

export const seenOf = ({ environment, key, version }: Rollout) => ({ environment, rollout: key, version })
