/** A node with use cases on rollouts, on memory twins; nobody decides for it, and of instances is known what a test says. */
import { Effect, Layer } from "effect"
import * as Memory from "../../layers/Memory/Memory.ts"
import { State } from "../../layers/Memory/State.ts"
import { CurrentIdentity, type Identity, system } from "../../src/access/Identity.ts"
import { Configurations } from "../../src/configuration/Configurations.ts"
import type { Draft } from "../../src/configuration/Draft.ts"
import { Flags } from "../../src/flags/Flags.ts"
import { ConnectedClients } from "../../src/fleet/ConnectedClients.ts"
import type { Evidence } from "../../src/rollouts/Evidence.ts"
import { type Connected, EvidenceStore } from "../../src/rollouts/EvidenceStore.ts"
import * as Policies from "../../src/rollouts/Policies.ts"
import { Rollouts } from "../../src/rollouts/Rollouts.ts"
import type { Wanted } from "../../src/rollouts/Wanted.ts"
import { Schedules } from "../../src/schedules/Schedules.ts"
import { below, propagation } from "../support/Twins.ts"

interface Options {
  readonly state?: State
  readonly connected?: ReadonlyArray<Connected>
  readonly evidence?: () => Evidence | undefined
  /** Grows with what is known. */
  readonly changed?: () => ReadonlyMap<string, bigint>
}

const knowing = ({ connected = [], evidence = () => undefined, changed = () => new Map() }: Options) =>
  Layer.succeed(
    EvidenceStore,
    EvidenceStore.of({
      write: () => Effect.succeed([]),
      read: () => Effect.sync(evidence),
      changed: Effect.sync(changed),
      population: (_, __, { after }) => Effect.succeed(after === undefined ? connected : []),
      instances: () => Effect.succeed([]),
      leave: () => Effect.void,
      sweep: () => Effect.succeed(0)
    })
  )

export const node = (options: Options = {}) =>
  Layer.merge(Rollouts.layer, Schedules.layer).pipe(
    Layer.provideMerge(Layer.merge(Configurations.layer, Flags.layer)),
    Layer.provideMerge(Policies.rules),
    Layer.provideMerge(Policies.Policies.layer),
    Layer.provide(Layer.succeed(ConnectedClients, { covering: () => Effect.succeed([]) })),
    Layer.provideMerge(propagation()),
    Layer.provideMerge(below(knowing(options).pipe(Layer.provideMerge(Memory.layerOn(options.state ?? new State()))))),
    Layer.fresh
  )

export const as = (identity: Identity) => Effect.provideService(CurrentIdentity, identity)
export const asSystem = as(system)

export const draft = (key: string, value: string | null, more: Partial<Draft> = {}): Draft => ({
  environment: "production",
  key,
  value,
  typeIfNew: "string",
  ...more
})

export const wanted = (more: Partial<Wanted> = {}): Wanted => ({
  environment: "production",
  changes: [],
  flags: [],
  again: [],
  plan: { stages: "10%,100%" },
  when: undefined,
  file: undefined,
  ...more
})

export const publish = (...drafts: ReadonlyArray<Draft>) =>
  Effect.flatMap(Configurations, (configurations) => configurations.publish(drafts, { message: "" }))
