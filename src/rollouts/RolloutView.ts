/**
 * What a node knows of rollouts: those that are active, and those that were taken back whose targets nobody changed since; for what is of a key the
 * last of them. One that was taken back may be known for longer, until its key is in another: what is current is newer than it then.
 */
import { Context, Effect, Layer } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import { isNewer, type Position, sameEpoch } from "../propagation/Position.ts"
import { RevisionLog } from "../propagation/RevisionLog.ts"
import type { NextView, View } from "../propagation/View.ts"
import { isOver, type Rollout, type Target } from "./Rollout.ts"
import { RolloutStore } from "./RolloutStore.ts"

export class RolloutView extends Context.Service<
  RolloutView,
  View<Rollout> & {
    /** The one that a key has to do with: the active one, or the last that was taken back. */
    readonly of: (environment: string, target: Pick<Target, "kind" | "key">) => Rollout | undefined
    readonly find: (environment: string, key: string) => Rollout | undefined
    readonly active: () => Iterable<Rollout>
    /** All that it knows. */
    readonly all: () => Iterable<Rollout>
    /**
     * Calls back, within `apply`, with each rollout that changed, and with undefined when the view was read anew; `forgot`: with a horizon up to
     * which some were forgotten. Returns what ends it.
     */
    readonly listen: (tell: (changed: Rollout | undefined) => void, forgot?: (horizon: bigint) => void) => () => void
  }
>()("herald/rollouts/RolloutView") {
  static readonly layer = Layer.effect(
    RolloutView,
    Effect.suspend(() => make)
  )
}

const PAGE = 200

const nameOf = (environment: string, { kind, key }: Pick<Target, "kind" | "key">): string =>
  `${environment}/${kind}/${key}`

/** Those that a node has to know. */
class Known {
  readonly #all = new Map<string, Rollout>()
  readonly #active = new Map<string, Rollout>()
  /** By what they change, the last one. */
  readonly #byTarget = new Map<string, Rollout>()

  get size(): number {
    return this.#active.size
  }

  find(environment: string, key: string): Rollout | undefined {
    return this.#all.get(`${environment}/${key}`)
  }

  of(environment: string, target: Pick<Target, "kind" | "key">): Rollout | undefined {
    return this.#byTarget.get(nameOf(environment, target))
  }

  all(): Iterable<Rollout> {
    return this.#all.values()
  }

  active(): Iterable<Rollout> {
    return this.#active.values()
  }

  /** False: it is known already, or a later version of it. */
  set(rollout: Rollout): boolean {
    const { environment, key, state, targets, begun } = rollout
    const id = `${environment}/${key}`
    const held = this.#all.get(id)
    if (held !== undefined && held.version >= rollout.version) return false
    if (isOver(state)) this.#active.delete(id)
    else this.#active.set(id, rollout)
    // Nobody has anything of one that was completed but what is current, nor of one that never began.
    const stands = !isOver(state) || (state !== "completed" && begun.length > 0)
    if (stands) this.#all.set(id, rollout)
    else this.#all.delete(id)
    for (const target of targets) {
      const name = nameOf(environment, target)
      const last = this.#byTarget.get(name)
      if (last === undefined || last.key === key) {
        if (stands) this.#byTarget.set(name, rollout)
        else this.#byTarget.delete(name)
      } else if (stands && rollout.revision > last.revision) {
        // A key has one active rollout at a time, so that all transitions of the other one were before.
        this.#byTarget.set(name, rollout)
        this.#drop(last)
      }
    }
    this.#drop(rollout)
    return true
  }

  /** P8: of a key that never came to be nobody has anything that could be taken back any more. */
  forget(horizon: bigint): void {
    for (const rollout of this.#all.values()) {
      const { environment, key, state, revision, targets } = rollout
      if (!isOver(state) || revision > horizon) continue
      for (const target of targets) {
        const name = nameOf(environment, target)
        if (target.base === 0 && this.#byTarget.get(name)?.key === key) this.#byTarget.delete(name)
      }
      this.#drop(rollout)
    }
  }

  /** Forgets one that is over and the last of nothing. */
  #drop(rollout: Rollout): void {
    const { environment, key, state, targets } = rollout
    if (!isOver(state) || targets.some((target) => this.of(environment, target)?.key === key)) return
    this.#all.delete(`${environment}/${key}`)
  }
}

const make = Effect.gen(function* () {
  const store = yield* RolloutStore
  const log = yield* RevisionLog
  let served = new Known()
  const listeners = new Set<(changed: Rollout | undefined) => void>()
  const forgetters = new Set<(horizon: bigint) => void>()

  const read: Effect.Effect<NextView<Rollout>, HeraldError> = Effect.gen(function* () {
    const next = new Known()
    const from = yield* log.head
    let newest: Position = from
    let after = 0n
    while (true) {
      const page = yield* store.present(after, PAGE)
      for (const one of page) {
        next.set(one)
        after = one.revision
        const at = { epoch: from.epoch, revision: one.revision }
        if (isNewer(at, newest)) newest = at
      }
      if (page.length === 0) break
      yield* Effect.yieldNow
    }
    if (!sameEpoch(yield* log.head, from)) return yield* read
    return {
      from,
      newest,
      catchUp: (rollout: Rollout) => void next.set(rollout),
      begin: () => {
        served = next
        for (const tell of listeners) tell(undefined)
      }
    }
  })

  return RolloutView.of({
    kind: "rollout",
    read,
    apply: (rollout) => {
      served.set(rollout)
      for (const tell of listeners) tell(rollout)
    },
    committed: () => {},
    count: () => served.size,
    forget: (horizon) => {
      served.forget(horizon)
      for (const forgot of forgetters) forgot(horizon)
    },
    find: (environment, key) => served.find(environment, key),
    of: (environment, target) => served.of(environment, target),
    active: () => served.active(),
    all: () => served.all(),
    listen: (tell, forgot = () => {}) => {
      listeners.add(tell)
      forgetters.add(forgot)
      return () => {
        listeners.delete(tell)
        forgetters.delete(forgot)
      }
    }
  })
})
