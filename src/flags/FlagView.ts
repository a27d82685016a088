/**
 * What a node knows of flags: all of them, ready to be evaluated. An evaluation never waits for a store.
 *
 *   FV3  A flag is compiled when it is first evaluated, once a version, and then for everyone who asks.
 *   FV4  A flag is evaluated with its prerequisites as this node has them now.
 *   FV6  A flag is evaluated with the segments that it names as this node has them now, whoever asks and in whatever form.
 */
import { Context, Effect, Layer, Result } from "effect"
import type { Change } from "../propagation/Revision.ts"
import type { View } from "../propagation/View.ts"
import { Slices } from "../work/Slices.ts"
import type { Definition } from "./Definition.ts"
import { Dependents, needsOf } from "./Dependents.ts"
import { Flag, type HowToEvaluate } from "./Evaluator.ts"
import { exported } from "./Exported.ts"
import type { FeatureFlag } from "./FeatureFlag.ts"
import { FlagDocument, type Written } from "./FlagDocument.ts"
import { FlagStore } from "./FlagStore.ts"
import { Named, type PageOptions } from "./Named.ts"
import { ANY, readDefinition } from "./ReadDefinition.ts"
import { readPages } from "./ReadPages.ts"
import { SegmentView } from "./SegmentView.ts"

/** The flags of one environment. */
class Environment extends Named<FeatureFlag> {
  #evaluable = new WeakMap<FeatureFlag, Flag>()
  readonly dependents = new Dependents()
  /** Flags by the segments that they name. */
  readonly #users = new Dependents()
  readonly how: HowToEvaluate
  readonly document: FlagDocument

  constructor(ruleOf: HowToEvaluate["ruleOf"], slices: Slices) {
    super()
    this.document = new FlagDocument({ keys: () => this.keys(), exported: (key) => this.#exported(key), slices })
    this.how = { bucketing: "v2", ruleOf, flagOf: (name) => this.evaluable(name), now: Date.now } // FV4
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
      definitionOf: (name) => this.evaluable(name)?.definition
    })
  }

  /** Of a flag that nobody evaluates here it is read, and not kept. */
  #definition(key: string): Definition | undefined {
    const stored = this.byKey.get(key)
    if (stored === undefined) return undefined
    const held = this.#evaluable.get(stored)
    return held === undefined ? Result.getOrUndefined(readDefinition(stored.definition, ANY)) : held.definition
  }

  /** FV3 */
  evaluable(key: string): Flag | undefined {
    const stored = this.byKey.get(key)
    if (stored === undefined) return undefined
    let made = this.#evaluable.get(stored)
    if (made === undefined) {
      const read = readDefinition(stored.definition, ANY)
      // A node of another version may take what this one does not: it is there, and can't be evaluated.
      if (Result.isFailure(read)) return undefined
      made = new Flag(key, read.success, this.how)
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
    readonly all: (environment: string) => Pick<Named<FeatureFlag>, "byKey" | "bytes">
    /** All flags of an environment as flagd has them: the same until one changes. FX1, FY1 */
    readonly document: (environment: string) => Effect.Effect<Written>
    readonly how: (environment: string) => HowToEvaluate | undefined
    /** What needs which flags. */
    readonly dependents: (environment: string) => Dependents | undefined
    /** Flags that are evaluated otherwise since the change: the flag itself, or those that share what was changed. */
    readonly affected: (change: Change) => Iterable<string>
    /** The newest revision of these segments, and of those that they name. Undefined: there are none. */
    readonly shared: (environment: string, segments: ReadonlyArray<string>) => bigint | undefined
    /** In the order of their names, at most `limit`, behind `after`, whose names begin with `prefix`. */
    readonly page: (environment: string, options: PageOptions) => ReadonlyArray<FeatureFlag>
  }
>()("herald/flags/FlagView") {
  static readonly layer = Layer.effect(
    FlagView,
    Effect.suspend(() => make)
  ).pipe(Layer.provide(SegmentView.layer))
}

type Environments = Map<string, Environment>

const make = Effect.gen(function* () {
  const store = yield* FlagStore
  const segments = yield* SegmentView
  const slices = new Slices()
  const none = new Environment(() => undefined, slices)
  let served: Environments = new Map()

  const put = (environments: Environments, flag: FeatureFlag): void => {
    const { environment } = flag
    let of = environments.get(environment)
    if (of === undefined) {
      environments.set(environment, (of = new Environment((name) => segments.rule(environment, name), slices)))
    }
    of.set(flag)
  }

  const usersOf = (environment: string, segment: string): ReadonlySet<string> =>
    served.get(environment)?.users(segments.above(environment, segment)) ?? new Set()

  // FV6
  segments.listen((changed) => {
    if (changed !== undefined) served.get(changed.environment)?.outdated(usersOf(changed.environment, changed.key))
    else for (const of of served.values()) of.outdated(undefined)
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
    forget: () => {},
    find: (environment, key) => served.get(environment)?.byKey.get(key),
    flag: (environment, key) => served.get(environment)?.evaluable(key),
    all: (environment) => served.get(environment) ?? NONE,
    document: (environment) => Effect.suspend(() => (served.get(environment) ?? none).document.newest),
    how: (environment) => served.get(environment)?.how,
    dependents: (environment) => served.get(environment)?.dependents,
    affected: ({ kind, environment, key }) => {
      if (kind === "flag") return [key]
      return kind === "segment" ? usersOf(environment, key) : []
    },
    shared: (environment, names) => {
      let newest: bigint | undefined
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
