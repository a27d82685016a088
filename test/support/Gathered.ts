/** Nodes that gather what their sessions make of rollouts. */
import { it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import * as Memory from "../../layers/Memory/Memory.ts"
import { State } from "../../layers/Memory/State.ts"
import { type Identity, system } from "../../src/access/Identity.ts"
import type { HeraldError } from "../../src/errors/HeraldError.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import type { Condition } from "../../src/rollouts/Evidence.ts"
import { type EvidenceBatch, EvidenceStore } from "../../src/rollouts/EvidenceStore.ts"
import type { Ending } from "../../src/sessions/Ending.ts"
import { type HealthReport, HealthReports } from "../../src/sessions/HealthReports.ts"
import { Sessions } from "../../src/sessions/Sessions.ts"
import * as Gathering from "../../src/sightings/Gathering.ts"
import { pass } from "./Clock.ts"
import { answered, begin, type Client, commit, connect, HALF, IN, LATER, nodeOn, OUT } from "./Cohorts.ts"
import { change } from "./Release.ts"

export const CLOSED: Ending = { name: "Closed", reason: "" }
export const BROKE: Ending = { ...CLOSED, broke: true }

/** What of it was written, and whether it can be. `early`: sessions of which nothing is ever known. */
export class Writes extends Context.Service<
  Writes,
  { batches: Array<EvidenceBatch>; failure: HeraldError | undefined; early: ReadonlyArray<string> }
>()("test/Writes") {}

const noted = Layer.effect(
  EvidenceStore,
  Effect.gen(function* () {
    const store = yield* EvidenceStore
    const writes = yield* Writes
    return EvidenceStore.of({
      ...store,
      write: (batch) =>
        Effect.suspend(() => {
          if (writes.failure !== undefined) return Effect.fail(writes.failure)
          writes.batches.push(batch)
          return Effect.map(store.write(batch), (early) => [...early, ...writes.early])
        })
    })
  })
)

/** A node that gathers, on a database that others may have, too. */
export const node = (state = new State(), waiting?: Gathering.GatheringOptions["waiting"]) => {
  const writes = Layer.sync(Writes, () => ({ batches: [], failure: undefined, early: [] }))
  const memory = noted.pipe(Layer.provideMerge(Layer.merge(Memory.layerOn(state), writes)))
  return Layer.merge(
    Gathering.layer({ heartbeatTimeout: "90 seconds", waiting }),
    HealthReports.layer("principal")
  ).pipe(Layer.provideMerge(Layer.merge(nodeOn(state, memory), writes)), Layer.fresh)
}
export type Node = Layer.Success<ReturnType<typeof node>>
export const test = (name: string, body: Effect.Effect<void, unknown, Node>) =>
  it.effect(name, () => body.pipe(Effect.provide(Layer.unwrap(Effect.sync(() => node())))))

export const written = pass(400)
export const evidence = (key: string, lostAfterMillis = 60_000) =>
  Effect.flatMap(EvidenceStore, (store) =>
    store.read("production", key, { lostAfterMillis, crashes: 3, slow: [] })
  ).pipe(Effect.map((found) => found!))
/** Conditions with how many have them, once all is written. */
export const counts = (key: string, lostAfterMillis?: number) =>
  Effect.gen(function* () {
    yield* written
    const { slow, ...counts } = (yield* evidence(key, lostAfterMillis)).counts
    return Object.fromEntries(Object.entries(counts).filter(([, n]) => n > 0)) as Partial<
      Record<Condition | "lost", number>
    >
  })
export const end = ({ session }: Client, ending: Ending) => Effect.map(Sessions, (all) => all.end(session, ending))
export const answer = (client: Client, applied: boolean) => Effect.map(Sessions, (all) => client.answer(all, applied))

export const report = (
  instance: string,
  health: HealthReport["health"],
  more: Partial<HealthReport> = {},
  by: Identity = system
) =>
  Effect.gen(function* () {
    const { epoch, revision } = (yield* Propagation).position()
    const said = { environment: "production", service: "svc", instance, epoch, revision, message: "", metrics: {} }
    yield* (yield* HealthReports).report({ ...said, health, ...more }, by)
  })

/** Half have a candidate, and one more key is there. */
export const begun = (below = HALF) =>
  Effect.gen(function* () {
    yield* commit(change("svc", "old"), change("svc.other", "x"))
    const clients = { inside: yield* connect(IN), later: yield* connect(LATER), outside: yield* connect(OUT) }
    yield* answered(clients.inside, clients.later, clients.outside)
    return { ...clients, key: yield* begin({ svc: "new" }, below) }
  })
