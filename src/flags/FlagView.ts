/**
 * What a node knows of flags: all of them, ready to be evaluated. An evaluation never waits for a store.
 *
 *   FV3  A flag is compiled when it is first evaluated, once a version, and then for everyone who asks.
 *   FV5  The document of an environment is written once between two changes, and a flag that needs no others once a version.
 *   FV4  A flag is evaluated with its prerequisites as this node has them now.
 */
import { Context, Effect, Layer, Result } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import { isNewer, sameEpoch } from "../propagation/Position.ts"
import type { NextView, View } from "../propagation/View.ts"
import { bytesOf } from "../values/Value.ts"
import { Dependents, needsOf } from "./Dependents.ts"
import { Flag, type HowToEvaluate } from "./Evaluator.ts"
import { exported } from "./Exported.ts"
import type { FeatureFlag } from "./FeatureFlag.ts"
import { FlagStore } from "./FlagStore.ts"
import { readDefinition } from "./ReadDefinition.ts"

/** The flags of one environment. */
class Environment {
  readonly byKey = new Map<string, FeatureFlag>()
  /** Made when it is asked for. */
  #keys: ReadonlyArray<string> | undefined
  readonly #evaluable = new WeakMap<FeatureFlag, Flag>()
  /** Of flags that need no other ones, which therefore never change. */
  readonly #exported = new WeakMap<FeatureFlag, string>()
  #document: string | undefined
  readonly dependents = new Dependents()
  /** Of all definitions, as UTF-8. */
  bytes = 0
  readonly how: HowToEvaluate = {
    bucketing: "v2",
    ruleOf: () => undefined,
    flagOf: (name) => this.evaluable(name), // FV4
    now: Date.now
  }

  set(flag: FeatureFlag): void {
    if (flag.revision < (this.byKey.get(flag.key)?.revision ?? 0n)) return
    this.bytes += bytesOf(flag.definition) - bytesOf(this.byKey.get(flag.key)?.definition ?? "")
    if (flag.deleted ? this.byKey.delete(flag.key) : !this.byKey.has(flag.key)) this.#keys = undefined
    if (!flag.deleted) this.byKey.set(flag.key, flag)
    this.dependents.set(flag.key, needsOf(flag.definition))
    this.#document = undefined
  }

  /** In their order. */
  keys(): ReadonlyArray<string> {
    return (this.#keys ??= [...this.byKey.keys()].sort())
  }

  /** FV5 */
  document(): string {
    return (this.#document ??= `{"flags":{${this.keys()
      .flatMap((key) => this.#member(key))
      .join(",")}}}`)
  }

  #member(key: string): ReadonlyArray<string> {
    const stored = this.byKey.get(key)!
    let member = this.#exported.get(stored)
    if (member !== undefined) return [member]
    const definition = this.evaluable(key)?.definition
    if (definition === undefined) return []
    const { ruleOf } = this.how
    const definitionOf = (name: string) => this.evaluable(name)?.definition
    member = `${JSON.stringify(key)}:${exported(key, definition, { ruleOf, definitionOf })}`
    if (definition.prerequisites.length === 0) this.#exported.set(stored, member)
    return [member]
  }

  /** FV3 */
  evaluable(key: string): Flag | undefined {
    const stored = this.byKey.get(key)
    if (stored === undefined) return undefined
    let made = this.#evaluable.get(stored)
    if (made === undefined) {
      const read = readDefinition(stored.definition)
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
    readonly all: (environment: string) => { readonly flags: ReadonlyMap<string, FeatureFlag>; readonly bytes: number }
    /** All flags of an environment as flagd has them: the same text until one changes. FX1 */
    readonly document: (environment: string) => string
    readonly how: (environment: string) => HowToEvaluate | undefined
    /** What needs which flags. */
    readonly dependents: (environment: string) => Dependents | undefined
    /** Flags in the order of their names, at most `limit`, behind `after`, whose names begin with `prefix`. */
    readonly page: (
      environment: string,
      options: { readonly prefix: string; readonly after: string; readonly limit: number }
    ) => ReadonlyArray<FeatureFlag>
  }
>()("herald/flags/FlagView") {
  static readonly layer = Layer.effect(
    FlagView,
    Effect.suspend(() => make())
  )
}

type Environments = Map<string, Environment>

const put = (environments: Environments, flag: FeatureFlag): void => {
  let of = environments.get(flag.environment)
  if (of === undefined) environments.set(flag.environment, (of = new Environment()))
  of.set(flag)
}

const make = Effect.fnUntraced(function* () {
  const store = yield* FlagStore
  let served: Environments = new Map()

  const read: Effect.Effect<NextView<FeatureFlag>, HeraldError> = Effect.gen(function* () {
    const next: Environments = new Map()
    let page = yield* store.page(undefined)
    const from = page.position
    let newest = from
    while (true) {
      for (const flag of page.flags) {
        put(next, flag)
        const at = { epoch: from.epoch, revision: flag.revision }
        if (isNewer(at, newest)) newest = at
      }
      if (page.next === undefined) break
      yield* Effect.yieldNow
      page = yield* store.page(page.next)
      if (!sameEpoch(page.position, from)) return yield* read
    }
    return {
      from,
      newest,
      catchUp: (flag) => put(next, flag),
      begin: () => {
        served = next
      }
    }
  })

  return FlagView.of({
    kind: "flag",
    read,
    apply: (flag) => put(served, flag),
    committed: () => {},
    forget: () => {},
    find: (environment, key) => served.get(environment)?.byKey.get(key),
    flag: (environment, key) => served.get(environment)?.evaluable(key),
    all: (environment) => {
      const of = served.get(environment)
      return { flags: of?.byKey ?? new Map(), bytes: of?.bytes ?? 0 }
    },
    document: (environment) => served.get(environment)?.document() ?? '{"flags":{}}',
    how: (environment) => served.get(environment)?.how,
    dependents: (environment) => served.get(environment)?.dependents,
    page: (environment, { prefix, after, limit }) => {
      const of = served.get(environment)
      if (of === undefined) return []
      const keys = of.keys()
      const found: Array<FeatureFlag> = []
      for (let at = firstBehind(keys, [prefix, after].sort()[1]!); at < keys.length && found.length < limit; at++) {
        const key = keys[at]!
        if (!key.startsWith(prefix)) break
        if (key > after) found.push(of.byKey.get(key)!)
      }
      return found
    }
  })
})

/** The place of the first that is not before `key`. */
const firstBehind = (keys: ReadonlyArray<string>, key: string): number => {
  let [low, high] = [0, keys.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (keys[middle]! < key) low = middle + 1
    else high = middle
  }
  return low
}
