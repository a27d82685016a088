/**
 * Implements updates/Candidates.ts by the rollouts that this node knows.
 *
 *   CQ1, CQ2 in updates/Candidates.ts; CE1 in Cohort.ts
 *   CZ1  Of several rollouts of a key the active one counts, otherwise the last that was taken back.
 *   CZ2  What a candidate says is read once for all who ask meanwhile, and kept within `KEPT` bytes; nothing of a history that was lost is.
 */
import { Deferred, Effect, Layer } from "effect"
import { Weighed } from "../bounds/Weighed.ts"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Change } from "../propagation/Revision.ts"
import { type Candidate, Candidates, type CandidatesShape, type TakenBack } from "../updates/Candidates.ts"
import type { ClientView } from "../updates/Client.ts"
import { cameIn } from "./Cohort.ts"
import { isOver, type Rollout, type Target } from "./Rollout.ts"
import { RolloutStore } from "./RolloutStore.ts"
import { RolloutView } from "./RolloutView.ts"

/** Bytes of candidates. */
const KEPT = 32 * 1_048_576
const NONE: ReadonlyArray<string> = []

/** What a rollout makes of one key. */
interface OfKey {
  readonly rollout: Rollout
  /** By the stage that a client came in with. */
  readonly candidates: ReadonlyArray<Candidate>
  readonly takenBack: TakenBack | undefined
  /** What those have who are not in it, where another one was taken back before: `Target.since`. */
  readonly others: TakenBack | undefined
}

const ofKey = (rollout: Rollout, target: Target, former: OfKey | undefined): OfKey => {
  const { key, state, begun, revision, at, startedAt } = rollout
  const { version, digest, strict, template, since } = target
  const before = former?.rollout.key === key ? former.candidates : []
  const candidates = begun.map(
    (one, stage): Candidate =>
      before[stage] ?? {
        rollout: key,
        version,
        stage,
        revision: one.revision,
        committedAt: one.at,
        digest,
        strict,
        template
      }
  )
  return {
    rollout,
    candidates,
    takenBack: isOver(state) ? { revision, committedAt: at } : undefined,
    others: since === 0n ? undefined : { revision: since, committedAt: startedAt }
  }
}

class Environment {
  readonly #keys = new Map<string, OfKey>()
  #sorted: ReadonlyArray<string> | undefined

  get(key: string): OfKey | undefined {
    return this.#keys.get(key)
  }

  /** CZ1 */
  put(rollout: Rollout, target: Target): void {
    const { key } = target
    const former = this.#keys.get(key)
    const isIts = former === undefined || former.rollout.key === rollout.key
    const { state, begun } = rollout
    const isNothing = state === "completed" || (isOver(state) && begun.length === 0 && target.since === 0n)
    if (isNothing) {
      if (isIts) this.#keys.delete(key)
    } else if (isIts || !isOver(rollout.state) || older(former.rollout, rollout))
      this.#keys.set(key, ofKey(rollout, target, former))
    this.#sorted = undefined
  }

  /** Those that were taken back until then, and are not known any more. */
  forget(horizon: bigint, isKnown: (rollout: Rollout) => boolean): void {
    for (const [key, { rollout, takenBack }] of this.#keys)
      if (takenBack !== undefined && takenBack.revision <= horizon && !isKnown(rollout)) this.#keys.delete(key)
  }

  get isEmpty(): boolean {
    return this.#keys.size === 0
  }

  /** Of those that are active. */
  get keys(): ReadonlyArray<string> {
    if (this.#sorted !== undefined) return this.#sorted
    const active = [...this.#keys].filter(([, { takenBack }]) => takenBack === undefined)
    return (this.#sorted = active.map(([key]) => key).sort())
  }
}

const older = (one: Rollout, other: Rollout): boolean => isOver(one.state) && one.revision < other.revision

/** By kind and environment. */
class Known {
  readonly #kinds = new Map<string, Map<string, Environment>>()

  of(kind: string, environment: string): Environment | undefined {
    return this.#kinds.get(kind)?.get(environment)
  }

  forget(horizon: bigint, isKnown: (rollout: Rollout) => boolean): void {
    for (const environments of this.#kinds.values())
      for (const its of environments.values()) its.forget(horizon, isKnown)
  }

  put(rollout: Rollout): void {
    const { environment } = rollout
    for (const target of rollout.targets) {
      if (target.version === 0) continue // its stages make versions
      let environments = this.#kinds.get(target.kind)
      if (environments === undefined) this.#kinds.set(target.kind, (environments = new Map()))
      let its = environments.get(environment)
      if (its === undefined) environments.set(environment, (its = new Environment()))
      its.put(rollout, target)
    }
  }
}

const isRollout = (change: Change): change is Rollout => change.kind === "rollout"

const make = Effect.gen(function* () {
  const view = yield* RolloutView
  const store = yield* RolloutStore
  const scope = yield* Effect.scope
  let known = new Known()
  let kept = new Weighed<string>((wish) => 128 + 2 * wish.length)
  let loads = new Map<string, Deferred.Deferred<string | undefined, HeraldError>>()

  const begin = (): void => {
    known = new Known()
    kept = new Weighed<string>((wish) => 128 + 2 * wish.length) // CZ2
    loads = new Map()
    for (const rollout of view.all()) known.put(rollout)
  }
  begin()
  const isKnown = ({ environment, key }: Rollout) => view.find(environment, key) !== undefined
  const stop = view.listen(
    (changed) => (changed === undefined ? begin() : known.put(changed)),
    (horizon) => known.forget(horizon, isKnown)
  )
  yield* Effect.addFinalizer(() => Effect.sync(stop))

  /** CE1. The last answer is kept: a client is mostly asked for several times in a turn. */
  let last:
    | { readonly of: OfKey; readonly client: ClientView; readonly is: Candidate | TakenBack | undefined }
    | undefined
  const of: CandidatesShape["of"] = (kind, client, key) => {
    const found = known.of(kind, client.environment)?.get(key)
    if (found === undefined || client.instance === "") return undefined
    if (last?.of === found && last.client === client) return last.is
    const came = cameIn(found.rollout, client)
    const is = came === undefined ? found.others : (found.takenBack ?? found.candidates[came.stage])
    last = { of: found, client, is }
    return is
  }

  /** CZ2 */
  const wish: CandidatesShape["wish"] = Effect.fnUntraced(function* (kind, environment, key, rollout) {
    const id = `${environment}\u0000${rollout}\u0000${kind}\u0000${key}`
    const found = kept.use(id)
    if (found !== undefined) return found
    const running = loads.get(id)
    if (running !== undefined) return yield* Deferred.await(running)
    const mine = Deferred.makeUnsafe<string | undefined, HeraldError>()
    const [into, among] = [kept, loads]
    among.set(id, mine)
    const load = Effect.tap(store.candidate(environment, rollout, { kind: kind as Target["kind"], key }), (wish) =>
      Effect.sync(() => {
        if (wish === undefined) return
        into.set(id, wish)
        into.trim(KEPT)
      })
    )
    // In a fiber of its own: when the reader that began it is interrupted, others still wait for it.
    yield* load.pipe(
      Effect.onExit((exit) => {
        among.delete(id)
        return Deferred.done(mine, exit)
      }),
      Effect.forkIn(scope)
    )
    return yield* Deferred.await(mine)
  })

  return {
    concerns: (kind, environment, key) => known.of(kind, environment)?.get(key) !== undefined, // CQ2
    concernsAny: (kind, environment) => known.of(kind, environment)?.isEmpty === false,
    of,
    wish,
    keys: (kind, environment) => known.of(kind, environment)?.keys ?? NONE,
    touched: (kind, change) =>
      isRollout(change)
        ? change.targets.filter((target) => target.kind === kind && target.version > 0).map(({ key }) => key)
        : NONE
  } satisfies CandidatesShape
})

export const layer = Layer.effect(Candidates, make)
