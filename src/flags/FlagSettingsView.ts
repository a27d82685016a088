/**
 * What a node knows of what environments say of all their flags.
 *
 *   WB2  Whoever was told what an environment says is told when it says something else.
 */
import { Context, Effect, Layer, Result } from "effect"
import type { View } from "../propagation/View.ts"
import { defaults, type FlagSettings, readFlagSettings, type SaidOfFlags } from "./FlagSettings.ts"
import { FlagSettingsStore } from "./FlagSettingsStore.ts"
import { readPages } from "./ReadPages.ts"

export class FlagSettingsView extends Context.Service<
  FlagSettingsView,
  View<FlagSettings> & {
    /** Undefined: the environment says nothing. */
    readonly find: (environment: string) => FlagSettings | undefined
    readonly said: (environment: string) => SaidOfFlags
    /** Calls synchronously with each environment that says something else. Undefined: any may. WB2 */
    readonly listen: (heard: (environment: string | undefined) => void) => void
  }
>()("herald/flags/FlagSettingsView") {
  static readonly layer = Layer.effect(
    FlagSettingsView,
    Effect.suspend(() => make)
  )
}

type Environments = Map<string, FlagSettings>

const put = (environments: Environments, settings: FlagSettings): void => {
  const before = environments.get(settings.environment)
  if (settings.revision >= (before?.revision ?? 0n)) environments.set(settings.environment, settings)
}

const make = Effect.gen(function* () {
  const store = yield* FlagSettingsStore
  let served: Environments = new Map()
  const read = new WeakMap<FlagSettings, SaidOfFlags>()
  const listeners: Array<(environment: string | undefined) => void> = []
  const tell = (environment: string | undefined): void => {
    for (const heard of listeners) heard(environment)
  }

  /** What a newer Herald wrote, and this one can't read, is served as by default. */
  const saidIn = (settings: FlagSettings): SaidOfFlags => {
    let said = read.get(settings)
    if (said === undefined) {
      said = Result.getOrElse(readFlagSettings(settings.definition), () => defaults)
      read.set(settings, said)
    }
    return said
  }

  return FlagSettingsView.of({
    kind: "flag_settings",
    read: readPages(store, () => {
      const next: Environments = new Map()
      return {
        put: (settings) => put(next, settings),
        begin: () => {
          served = next
          tell(undefined)
        }
      }
    }),
    apply: (settings) => {
      put(served, settings)
      tell(settings.environment)
    },
    committed: () => {},
    forget: () => {},
    find: (environment) => served.get(environment),
    said: (environment) => {
      const settings = served.get(environment)
      return settings === undefined ? defaults : saidIn(settings)
    },
    listen: (heard) => void listeners.push(heard)
  })
})
