/**
 * What a node knows of flags: all of them, ready to be evaluated. An evaluation never waits for a store.
 *
 *   FV3  A flag is compiled when it is first evaluated, once a version, and then for everyone who asks.
 *   FV4  A flag is evaluated with its prerequisites as this node has them now.
 *   FV6  A flag is evaluated with the segments that it names, and in the buckets that its environment has, as this node has them now, whoever
 *        asks and in whatever form.
 *   FV7  Where people are not put into buckets as by default, each answer with a rule says so in its metadata, as do all who are told of it.
 */
import { Context, Effect, Layer, Result } from "effect"
import type { KeyScope } from "../access/KeyScope.ts"
import type { Definition } from "../evaluation/Definition.ts"
import { Flag, type HowToEvaluate } from "../evaluation/Evaluator.ts"
import { exported } from "../evaluation/Exported.ts"
import type { Bucketing } from "../evaluation/Fractional.ts"
import { ANY, readDefinition } from "../evaluation/ReadDefinition.ts"
import type { Change } from "../propagation/Revision.ts"
import type { View } from "../propagation/View.ts"
import { Slices } from "../work/Slices.ts"
import { Dependents, needsOf } from "./Dependents.ts"
import type { FeatureFlag } from "./FeatureFlag.ts"
import { FlagDocument, type Written } from "./FlagDocument.ts"
import { defaults } from "./FlagSettings.ts"
import { FlagSettingsView } from "./FlagSettingsView.ts"
import { FlagStore } from "./FlagStore.ts"
import { Named, type PageOptions } from "./Named.ts"
import { readPages } from "./ReadPages.ts"
import { SegmentView } from "./SegmentView.ts"

/** What the flags of an environment share, as it is now. */
type Shared = Pick<HowToEvaluate, "bucketing" | "ruleOf">

/** FV7 */
const saying = (definition: Definition, bucketing: Bucketing): Definition =>
  bucketing === defaults.bucketing || definition.targeting === undefined
    ? definition
    : { ...definition, metadata: { bucketing, ...definition.metadata } }

/** The flags of one environment. */
class Environment extends Named<FeatureFlag> {
  #evaluable = new WeakMap<FeatureFlag, Flag>()
  readonly dependents = new Dependents()
  /** Flags by the segments that they name. */
  readonly #users = new Dependents()
  readonly how: HowToEvaluate
  readonly document: FlagDocument

  constructor({ shared, slices }: { readonly shared: Shared; readonly slices: Slices }) {
    super()
    this.document = new FlagDocument({ keys: () => this.keys(), exported: (key) => this.#exported(key), slices })
    const flagOf = (name: string) => this.evaluable(name) // FV4
    this.how = {
      get bucketing() {
        return shared.bucketing
      },
      ruleOf: shared.ruleOf,
      flagOf,
      now: Date.now
    }
  }

  override set(flag: FeatureFlag): boolean {
    if (!super.set(flag)) return false
    this.dependents.set(flag.key, needsOf(flag.definition))
    this.#users.set(flag.key, new Set(flag.uses?.map((name) => `$ref ${name}`)))
    this.document.outdated([flag.key, ...this.dependents.of(flag.key)])
    return true
  }

  /** Flags that name one of these segments. */
  users(segments: Iterable<string>): ReadonlySet<string> {
    const found = new Set<string>()
    for (const name of segments) for (const key of this.#users.of(`$ref ${name}`)) found.add(key)
    return found
  }

  /** What they share has changed: they are read anew. FV6 */
  outdated(keys: Iterable<string> | undefined): void {
    if (keys === undefined) {
      this.#evaluable = new WeakMap()
      this.document.outdated(undefined)
      return
    }
    for (const key of keys) {
      const flag = this.byKey.get(key)
      if (flag === undefined) continue
      this.#evaluable.delete(flag)
      this.document.outdated([key, ...this.dependents.of(key)])
    }
  }

  #exported(key: string): string | undefined {
    const definition = this.#definition(key)
    if (definition === undefined) return undefined
    return exported(key, definition, {
      ruleOf: this.how.ruleOf,
      bucketing: this.how.bucketing,
      definitionOf: (name) => this.evaluable(name)?.definition
    })
  }

  /** Of a flag that nobody evaluates here it is read, and not kept. */
  #definition(key: string): Definition | undefined {
    const stored = this.byKey.get(key)
    if (stored === undefined) return undefined
    const held = this.#evaluable.get(stored)
    return held === undefined ? this.read(stored.definition) : held.definition
  }

  /** Undefined: a node of another version may take what this one does not. FV7 */
  read(definition: string): Definition | undefined {
    const read = readDefinition(definition, ANY)
    return Result.isFailure(read) ? undefined : saying(read.success, this.how.bucketing)
  }

  /** FV3 */
  evaluable(key: string): Flag | undefined {
    const stored = this.byKey.get(key)
    if (stored === undefined) return undefined
    let made = this.#evaluable.get(stored)
    if (made === undefined) {
      const definition = this.read(stored.definition)
      if (definition === undefined) return undefined
      made = new Flag(key, definition, this.how)
      this.#evaluable.set(stored, made)
    }
    return made
  }
}

export class FlagView extends Context.Service<
  FlagView,
  View<FeatureFlag> & {
    /** Undefined: there is none. */
    readonly find: (environment: string, key: string) => FeatureFlag | undefined
    /** Ready to be evaluated. Undefined: there is none, or a newer Herald wrote it. */
    readonly flag: (environment: string, key: string) => Flag | undefined
    /** All flags of an environment, and the bytes of their definitions. */
    readonly all: (environment: string) => Pick<Named<FeatureFlag>, "byKey" | "bytes" | "count">
    /** All flags of an environment as flagd has them, or those in a scope: the same until one changes. FX1, FY1, FY4 */
    readonly document: (environment: string, scope?: KeyScope) => Effect.Effect<Written>
    readonly how: (environment: string) => HowToEvaluate | undefined
    /** How a definition that is not current would be read, and evaluated, if it were. */
    readonly as: (environment: string) => Pick<Environment, "how" | "read">
    /** What needs which flags. */
    readonly dependents: (environment: string) => Dependents | undefined
    /** Flags that are evaluated otherwise since the change: the flag itself, or those that share what was changed. */
    readonly affected: (change: Change) => Iterable<string>
    /** The newest revision of what is said of all flags, of these segments, and of those that they name. Undefined: there is nothing. */
    readonly shared: (environment: string, segments: ReadonlyArray<string>) => bigint | undefined
    /** In the order of their names, at most `limit`, behind `after`, whose names begin with `prefix`. */
    readonly page: (environment: string, options: PageOptions) => ReadonlyArray<FeatureFlag>
  }
>()("herald/flags/FlagView") {
  static readonly layer = Layer.effect(
    FlagView,
    Effect.suspend(() => make)
  ).pipe(Layer.provide([SegmentView.layer, FlagSettingsView.layer]))
}

type Environments = Map<string, Environment>

const make = Effect.gen(function* () {
  const store = yield* FlagStore
  const segments = yield* SegmentView
  const settings = yield* FlagSettingsView
  const slices = new Slices()
  const none = new Environment({ shared: { ...defaults, ruleOf: () => undefined }, slices })
  let served: Environments = new Map()

  const made = (environment: string): Environment => {
    const shared: Shared = {
      get bucketing() {
        return settings.said(environment).bucketing
      },
      ruleOf: (name) => segments.rule(environment, name)
    }
    return new Environment({ shared, slices })
  }

  const put = (environments: Environments, flag: FeatureFlag): void => {
    const { environment } = flag
    let of = environments.get(environment)
    if (of === undefined) environments.set(environment, (of = made(environment)))
    of.set(flag)
  }

  const usersOf = (environment: string, segment: string): ReadonlySet<string> =>
    served.get(environment)?.users(segments.above(environment, segment)) ?? new Set()

  // FV6
  segments.listen((changed) => {
    if (changed !== undefined) served.get(changed.environment)?.outdated(usersOf(changed.environment, changed.key))
    else for (const of of served.values()) of.outdated(undefined)
  })
  settings.listen((environment) => {
    for (const [name, of] of served) if (name === (environment ?? name)) of.outdated(undefined)
  })

  return FlagView.of({
    kind: "flag",
    read: readPages(store, () => {
      const next: Environments = new Map()
      return {
        put: (flag) => put(next, flag),
        begin: () => {
          served = next
        }
      }
    }),
    apply: (flag) => put(served, flag),
    committed: () => {},
    count: () => Array.from(served.values()).reduce((sum, { byKey }) => sum + byKey.size, 0),
    forget: () => {},
    find: (environment, key) => served.get(environment)?.byKey.get(key),
    flag: (environment, key) => served.get(environment)?.evaluable(key),
    all: (environment) => served.get(environment) ?? NONE,
    document: (environment, scope) => Effect.suspend(() => (served.get(environment) ?? none).document.within(scope)),
    how: (environment) => served.get(environment)?.how,
    as: (environment) => served.get(environment) ?? made(environment),
    dependents: (environment) => served.get(environment)?.dependents,
    affected: ({ kind, environment, key }) => {
      if (kind === "flag") return [key]
      if (kind === "segment") return usersOf(environment, key)
      return kind === "flag_settings" ? (served.get(environment)?.byKey.keys() ?? []) : []
    },
    shared: (environment, names) => {
      let newest = settings.find(environment)?.revision
      for (const name of names) {
        for (const one of segments.below(environment, name)) {
          const revision = segments.find(environment, one)?.revision
          if (revision !== undefined && revision > (newest ?? 0n)) newest = revision
        }
      }
      return newest
    },
    page: (environment, options) => served.get(environment)?.page(options) ?? []
  })
})

const NONE = new Named<FeatureFlag>()
