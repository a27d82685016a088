/** What the contracts of InstanceStore write and read. */
import { Effect } from "effect"
import type { Batch, HeldRow, InstanceNote, KeyFacts } from "../../src/fleet/Instance.ts"
import { InstanceStore, type ListOptions } from "../../src/fleet/InstanceStore.ts"
import type { Leases } from "../../src/leases/Leases.ts"
import type { RevisionLog } from "../../src/propagation/RevisionLog.ts"
import { instance } from "../support/Instance.ts"

export type Services = InstanceStore | RevisionLog | Leases
export type Test = <E>(name: string, body: () => Effect.Effect<void, E, Services>) => void

let names = 0
export const fresh = (name: string) => `${name}-${++names}-${process.pid}`

export const applied = { state: "applied", sentAt: 0, answeredAt: 6_000 } as const
export const rejected = { state: "rejected", sentAt: 0, answeredAt: 6_000, reason: "no" } as const
export const problem = { state: "problem", sentAt: 0, answeredAt: 6_000, reason: "a label is missing" } as const

export const write = (batch: Partial<Batch>) =>
  Effect.flatMap(InstanceStore, (store) =>
    store.write({ instances: [], deliveries: [], held: [], health: [], ...batch })
  )
export const list = (options: Partial<ListOptions>) =>
  Effect.flatMap(InstanceStore, (store) => store.list({ limit: 10, keys: 100, ...options }))
/** In one word each: what, version, and of which epoch when it is not `e`. */
export const factsOf = (service: string, key = "svc") =>
  Effect.map(list({ service }), ([row]) => {
    const found: Partial<KeyFacts> = row?.keys.find((one) => one.key === key) ?? {}
    return (["sent", "applied", "rejected", "problem"] as const).flatMap((what) => {
      const fact = found[what]
      return fact === undefined ? [] : [`${what} ${fact.version}${fact.epoch === "e" ? "" : ` of ${fact.epoch}`}`]
    })
  })
export const at = (version: number) => ({ version, revision: BigInt(version * 10) })
export const run = (name: string, timeoutMillis = 60_000) => ({ run: name, node: name, timeoutMillis })
export const noteOf = (service: string, session: string, changed: Partial<InstanceNote> = {}) =>
  instance(service, { session, node: session.split("/")[0]!, ...changed })
export const put = (...instances: ReadonlyArray<InstanceNote>) => write({ instances })
export const stateOf = (service: string) => Effect.map(list({ service }), ([row]) => [row?.state, row?.node])
export const gone = { state: "disconnected", ending: "Closed", lastSeen: 90_000, opening: false } as const
export const held = (service: string, session: string, versions: Readonly<Record<string, number>>): HeldRow => ({
  environment: "production",
  service,
  instance: "i1",
  session,
  epoch: "e",
  at: 7_000,
  keys: Object.entries(versions).map(([key, version]) => ({ key, ...at(version) }))
})
