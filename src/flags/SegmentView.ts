/**
 * What a node knows of segments: all of them, ready to be put in the place of a `$ref`.
 *
 *   GM3  Whoever asks is given the rule as it is now, and who was given one is told when it is another.
 */
import { Context, Effect, Layer, Result, type Schema } from "effect"
import { MEMBER } from "../evaluation/Operators.ts"
import { resolved } from "../evaluation/References.ts"
import type { View } from "../propagation/View.ts"
import { Dependents } from "./Dependents.ts"
import { IdLists } from "./IdLists.ts"
import { Named, type PageOptions } from "./Named.ts"
import { readPages } from "./ReadPages.ts"
import { readSegment, type Segment, type SegmentDefinition } from "./Segment.ts"
import { SegmentStore } from "./SegmentStore.ts"

type Json = Schema.Json

/** The segments of one environment. */
class Environment extends Named<Segment> {
  readonly #environment: string
  readonly #lists: Pick<IdLists["Service"], "has">
  readonly #read = new WeakMap<Segment, Json | undefined>()
  readonly #graph = new Dependents()
  /** With what they name in its place. */
  #rules = new Map<string, Json | undefined>()

  constructor(environment: string, lists: Pick<IdLists["Service"], "has">) {
    super()
    this.#environment = environment
    this.#lists = lists
  }

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
    if (!this.#read.has(segment)) {
      const read = Result.getOrUndefined(readSegment(segment.definition))
      this.#read.set(segment, read && this.#withList(name, read))
    }
    return this.#read.get(segment)
  }

  /** IL5 */
  #withList(name: string, { rule, list, by }: SegmentDefinition): Json {
    if (list === undefined) return rule
    const isIn = (id: unknown): boolean => typeof id === "string" && this.#lists.has(this.#environment, name, id)
    const member = { [MEMBER]: [isIn as unknown as Json, { var: by }, name] }
    return rule === false ? member : { or: [member, rule] }
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
    /** Calls synchronously with each that changes, and whose list of ids is loaded. Undefined: any may have. GM3 */
    readonly listen: (heard: (changed: Pick<Segment, "environment" | "key"> | undefined) => void) => void
  }
>()("herald/flags/SegmentView") {
  static readonly layer = Layer.effect(
    SegmentView,
    Effect.suspend(() => make)
  ).pipe(Layer.provide(IdLists.layer))
}

type Environments = Map<string, Environment>

const make = Effect.gen(function* () {
  const store = yield* SegmentStore
  const lists = yield* IdLists
  const none = new Environment("", lists)
  let served: Environments = new Map()
  const listeners: Array<(changed: Pick<Segment, "environment" | "key"> | undefined) => void> = []
  const tell = (changed: Pick<Segment, "environment" | "key"> | undefined): void => {
    for (const heard of listeners) heard(changed)
  }
  const of = (environment: string) => served.get(environment) ?? none
  const put = (environments: Environments, segment: Segment): boolean => {
    const { environment } = segment
    let its = environments.get(environment)
    if (its === undefined) environments.set(environment, (its = new Environment(environment, lists)))
    return its.set(segment)
  }
  lists.loaded((environment, key) => tell({ environment, key }))

  return SegmentView.of({
    kind: "segment",
    read: readPages(store, () => {
      const next: Environments = new Map()
      return {
        put: (segment) => put(next, segment),
        begin: () => {
          served = next
          const wanted: Array<readonly [environment: string, key: string, digest: string]> = []
          for (const [environment, { byKey }] of next)
            for (const [key, segment] of byKey) {
              if (segment.list !== undefined) wanted.push([environment, key, segment.list])
            }
          lists.begin(wanted)
          tell(undefined)
        }
      }
    }),
    apply: (segment) => {
      if (!put(served, segment)) return
      lists.want(segment.environment, segment.key, segment.list)
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
