/**
 * What a node knows of segments: all of them, ready to be put in the place of a `$ref`.
 *
 *   GM3  Whoever asks is given the rule as it is now, and who was given one is told when it is another.
 */
import { Context, Effect, Layer, Result, type Schema } from "effect"
import type { View } from "../propagation/View.ts"
import { Dependents } from "./Dependents.ts"
import { Named, type PageOptions } from "./Named.ts"
import { readPages } from "./ReadPages.ts"
import { resolved } from "./References.ts"
import { readSegment, type Segment } from "./Segment.ts"
import { SegmentStore } from "./SegmentStore.ts"

type Json = Schema.Json

/** The segments of one environment. */
class Environment extends Named<Segment> {
  readonly #read = new WeakMap<Segment, Json | undefined>()
  readonly #graph = new Dependents()
  /** With what they name in its place. */
  #rules = new Map<string, Json | undefined>()

  override set(segment: Segment): boolean {
    if (!super.set(segment)) return false
    this.#graph.set(segment.key, new Set(segment.uses))
    this.#rules = new Map()
    return true
  }

  /** GM2 */
  rule(name: string): Json | undefined {
    if (!this.byKey.has(name)) return undefined
    if (!this.#rules.has(name)) {
      this.#rules.set(name, resolved({ $ref: name }, (one) => this.asWritten(one)).rule)
    }
    return this.#rules.get(name)
  }

  asWritten(name: string): Json | undefined {
    const segment = this.byKey.get(name)
    if (segment === undefined) return undefined
    if (!this.#read.has(segment)) this.#read.set(segment, Result.getOrUndefined(readSegment(segment.definition))?.rule)
    return this.#read.get(segment)
  }

  /** It, and those that name it, over others, too. */
  above(name: string): ReadonlyArray<string> {
    return [name, ...this.#graph.of(name)]
  }

  /** It, and those that it names, over others, too. */
  below(name: string): ReadonlyArray<string> {
    return [name, ...this.#graph.needs(name)]
  }
}

export class SegmentView extends Context.Service<
  SegmentView,
  View<Segment> & {
    /** Undefined: there is none. */
    readonly find: (environment: string, key: string) => Segment | undefined
    /** With what it names in its place. Undefined: there is none, or a newer Herald wrote it. GM2 */
    readonly rule: (environment: string, name: string) => Json | undefined
    /** The same with `$ref` in it. */
    readonly asWritten: (environment: string, name: string) => Json | undefined
    /** All segments of an environment, and the bytes of their definitions. */
    readonly all: (environment: string) => Pick<Named<Segment>, "byKey" | "bytes">
    /** A segment, and those that name it, over others, too. */
    readonly above: (environment: string, name: string) => ReadonlyArray<string>
    /** A segment, and those that it names, over others, too. */
    readonly below: (environment: string, name: string) => ReadonlyArray<string>
    readonly page: (environment: string, options: PageOptions) => ReadonlyArray<Segment>
    /** Calls synchronously with each that changes. Undefined: any may have. GM3 */
    readonly listen: (heard: (changed: Segment | undefined) => void) => void
  }
>()("herald/flags/SegmentView") {
  static readonly layer = Layer.effect(
    SegmentView,
    Effect.suspend(() => make)
  )
}

type Environments = Map<string, Environment>

const put = (environments: Environments, segment: Segment): void => {
  let of = environments.get(segment.environment)
  if (of === undefined) environments.set(segment.environment, (of = new Environment()))
  of.set(segment)
}

const NONE = new Environment()

const make = Effect.gen(function* () {
  const store = yield* SegmentStore
  let served: Environments = new Map()
  const listeners: Array<(changed: Segment | undefined) => void> = []
  const tell = (changed: Segment | undefined): void => {
    for (const heard of listeners) heard(changed)
  }
  const of = (environment: string) => served.get(environment) ?? NONE

  return SegmentView.of({
    kind: "segment",
    read: readPages(store, () => {
      const next: Environments = new Map()
      return {
        put: (segment) => put(next, segment),
        begin: () => {
          served = next
          tell(undefined)
        }
      }
    }),
    apply: (segment) => {
      put(served, segment)
      tell(segment)
    },
    committed: () => {},
    count: () => Array.from(served.values()).reduce((sum, { byKey }) => sum + byKey.size, 0),
    forget: () => {},
    find: (environment, key) => of(environment).byKey.get(key),
    rule: (environment, name) => of(environment).rule(name),
    asWritten: (environment, name) => of(environment).asWritten(name),
    all: (environment) => of(environment),
    above: (environment, name) => of(environment).above(name),
    below: (environment, name) => of(environment).below(name),
    page: (environment, options) => of(environment).page(options),
    listen: (heard) => void listeners.push(heard)
  })
})
