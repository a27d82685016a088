/** A node that makes scheduled changes, on memory twins. */
import { Effect, Layer } from "effect"
import * as KeyHash from "../../layers/Crypto/access/KeyHash.ts"
import * as Memory from "../../layers/Memory/Memory.ts"
import { State } from "../../layers/Memory/State.ts"
import { Access } from "../../src/access/Access.ts"
import { ApiKeyStore } from "../../src/access/ApiKeyStore.ts"
import { CurrentIdentity, type Identity, system } from "../../src/access/Identity.ts"
import { Configurations } from "../../src/configuration/Configurations.ts"
import type { Draft } from "../../src/configuration/Draft.ts"
import type { FlagDraft } from "../../src/flags/FlagDraft.ts"
import { Flags } from "../../src/flags/Flags.ts"
import { ConnectedClients } from "../../src/fleet/ConnectedClients.ts"
import * as Scheduler from "../../src/schedules/Scheduler.ts"
import { ScheduleStore } from "../../src/schedules/ScheduleStore.ts"
import { Schedules, type Wanted } from "../../src/schedules/Schedules.ts"
import { whenOf } from "../../src/schedules/When.ts"
import { below, propagation } from "../support/Twins.ts"

export const GRACE = 3_600_000

interface NodeOptions {
  readonly state?: State
  readonly run?: string
  /** The list of API keys, instead of that in memory. */
  readonly keys?: ApiKeyStore["Service"]["list"]
  /** How it finds a scheduled change, made of how it would. */
  readonly find?: (real: ScheduleStore["Service"]["find"]) => ScheduleStore["Service"]["find"]
  /** False: it takes what is asked for, and makes nothing. */
  readonly makes?: boolean
}

const real = Access.layer({ pepper: "p", ratePerSecond: 10_000, burst: 10_000 }).pipe(Layer.provide(KeyHash.layer))

const listing = (list: ApiKeyStore["Service"]["list"]) =>
  Layer.effect(
    ApiKeyStore,
    Effect.map(ApiKeyStore, (store) => ApiKeyStore.of({ ...store, list }))
  )

const finding = (find: NonNullable<NodeOptions["find"]>) =>
  Layer.effect(
    ScheduleStore,
    Effect.map(ScheduleStore, (store) => ScheduleStore.of({ ...store, find: find(store.find) }))
  )

export const node = ({
  state = new State(),
  run = "run",
  keys,
  find = (real) => real,
  makes = true
}: NodeOptions = {}) =>
  (makes ? Layer.merge(Schedules.layer, Scheduler.layer({ run, graceMillis: GRACE })) : Schedules.layer).pipe(
    Layer.provideMerge(Layer.merge(Configurations.layer, Flags.layer)),
    Layer.provideMerge(real),
    Layer.provide(Layer.succeed(ConnectedClients, { covering: () => Effect.succeed([]) })),
    Layer.provideMerge(propagation()),
    Layer.provideMerge(finding(find)),
    Layer.provideMerge(
      below(keys === undefined ? Memory.layerOn(state) : listing(keys).pipe(Layer.provideMerge(Memory.layerOn(state))))
    ),
    Layer.fresh
  )

export const as = (identity: Identity) => Effect.provideService(CurrentIdentity, identity)
export const asSystem = as(system)

export const flagDraft = (key: string, definition: unknown, more: Partial<FlagDraft> = {}): FlagDraft => ({
  environment: "production",
  key,
  definition: definition === null ? null : JSON.stringify(definition),
  ...more
})
export const draft = (key: string, value: string | null, more: Partial<Draft> = {}): Draft => ({
  environment: "production",
  key,
  value,
  typeIfNew: "string",
  ...more
})

export const wanted = (
  at: string,
  { changes = [], flags = [], evenIfChanged = false }: Partial<Omit<Wanted, "when">>
): Wanted => {
  const when = whenOf(at)
  if ("_tag" in when) throw when
  return { when, changes, flags, evenIfChanged }
}

export const schedule = (at: string, what: Partial<Omit<Wanted, "when">>, idempotencyKey?: string) =>
  Effect.flatMap(Schedules, (schedules) =>
    Effect.map(
      schedules.make(wanted(at, what), { message: "why", idempotencyKey }),
      ({ revision }) => revision.changes[0]!
    )
  )

export const publishFlag = (key: string, definition: unknown) =>
  Effect.flatMap(Flags, (flags) => flags.publish(flagDraft(key, definition), { message: "" }))

export const becameOf = ({ environment, key }: { readonly environment: string; readonly key: string }) =>
  Effect.flatMap(ScheduleStore, (store) => Effect.map(store.find(environment, key), (held) => held!.schedule))

export const percentageOf = (key: string) =>
  Effect.flatMap(Flags, (flags) =>
    Effect.map(
      flags.get("production", key),
      ({ definition }) => (JSON.parse(definition) as { readonly percentage?: number }).percentage
    )
  )
