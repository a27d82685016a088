/**
 * Rollouts for tests of who gets what: a table in memory that takes any transition as it is asked for, and the view that a node has. Rules of
 * the lock are of the real stores, and tested there.
 */
import { Effect, Layer } from "effect"
import { KindTables } from "../../layers/Memory/commits/KindTables.ts"
import { State } from "../../layers/Memory/State.ts"
import type { Wish } from "../../src/commits/Release.ts"
import type { HeraldError } from "../../src/errors/HeraldError.ts"
import { RevisionLog } from "../../src/propagation/RevisionLog.ts"
import { type State as Is, isOver, type Rollout, type Target } from "../../src/rollouts/Rollout.ts"
import { RolloutStore } from "../../src/rollouts/RolloutStore.ts"
import { RolloutView } from "../../src/rollouts/RolloutView.ts"
import { plan, stage } from "./Rollouts.ts"

/** What a test asks for. */
export interface Move extends Wish<Rollout> {
  readonly kind: "rollout"
  readonly to: Is
  /** For a stage that begins: everybody whose bucket is below. */
  readonly below?: number
  /** When it begins. */
  readonly of?: Pick<Rollout, "targets" | "salt"> & Partial<Pick<Rollout, "plan">>
  readonly wishes?: ReadonlyArray<{ readonly key: string; readonly wish: object }>
}

class Rows {
  readonly rollouts = new Map<string, Rollout>()
  readonly wishes = new Map<string, string>()
  /** How often a candidate was read, and whether it can't be. */
  reads = 0
  failure: HeraldError | undefined
}

const idOf = (environment: string, key: string, of: string) => `${environment}/${key}/${of}`
export const many = plan({ stages: Array.from({ length: 50 }, () => stage(100)) })

/** Of a state: the table of transitions, what has been read, and what fails. */
export const rowsOf = (state: State): Rows => state.tables(Rows)

export const stores = Layer.effect(
  RolloutStore,
  Effect.map(State.service, (state) => {
    const rows = state.tables(Rows)
    state.tables(KindTables).kinds.set("rollout", {
      problem: () => undefined,
      write: (wish, { revision, now, actor, message }) => {
        const { environment, key, to, below, of, wishes = [] } = wish as Move
        const before = rows.rollouts.get(`${environment}/${key}`)
        const began = { revision, at: now, below: below ?? 0 }
        const begun = [...(before?.begun ?? []), ...(below === undefined ? [] : [began])]
        const made: Rollout = {
          kind: "rollout",
          environment,
          key,
          version: (before?.version ?? 0) + 1,
          revision,
          state: to,
          stage: begun.length - 1,
          begun,
          targets: of?.targets ?? before!.targets,
          plan: of?.plan ?? before?.plan ?? many,
          salt: of?.salt ?? before!.salt,
          until: null,
          why: { text: "", readings: [] },
          by: actor,
          at: now,
          startedBy: before?.startedBy ?? actor,
          startedAt: before?.startedAt ?? now,
          message
        }
        rows.rollouts.set(`${environment}/${key}`, made)
        for (const one of wishes) rows.wishes.set(idOf(environment, key, one.key), JSON.stringify(one.wish))
        return made
      },
      at: () => undefined,
      sweep: () => 0
    })
    return RolloutStore.of({
      present: (after, limit) =>
        Effect.sync(() =>
          [...rows.rollouts.values()]
            .filter(({ revision, state }) => revision > after && state !== "completed")
            .sort((a, b) => (a.revision < b.revision ? -1 : 1))
            .slice(0, limit)
        ),
      candidate: (environment, key, target) =>
        Effect.suspend(() => {
          rows.reads++
          return rows.failure === undefined
            ? Effect.succeed(rows.wishes.get(idOf(environment, key, target.key)))
            : Effect.fail(rows.failure)
        }),
      find: () => Effect.die("not here"),
      list: () => Effect.die("not here"),
      history: () => Effect.die("not here"),
      claim: () => Effect.die("not here")
    })
  })
)

export const view = Layer.effect(
  RolloutView,
  Effect.gen(function* () {
    const store = yield* RolloutStore
    const log = yield* RevisionLog
    const listeners = new Set<(changed: Rollout | undefined) => void>()
    let served = new Map<string, Rollout>()
    const put = (into: Map<string, Rollout>, rollout: Rollout): void => {
      const id = `${rollout.environment}/${rollout.key}`
      if (rollout.state === "completed") into.delete(id)
      else into.set(id, rollout)
    }
    const is =
      (environment: string, { kind, key }: Pick<Target, "kind" | "key">) =>
      (one: Rollout) =>
        one.environment === environment && one.targets.some((target) => target.kind === kind && target.key === key)
    return RolloutView.of({
      kind: "rollout",
      read: Effect.gen(function* () {
        const from = yield* log.head
        const next = new Map<string, Rollout>()
        for (const one of yield* store.present(0n, 10_000)) put(next, one)
        return {
          from,
          newest: from,
          catchUp: (rollout: Rollout) => put(next, rollout),
          begin: () => {
            served = next
            for (const tell of listeners) tell(undefined)
          }
        }
      }),
      apply: (rollout) => {
        put(served, rollout)
        for (const tell of listeners) tell(rollout)
      },
      committed: () => {},
      forget: () => {},
      of: (environment, target) => [...served.values()].filter(is(environment, target)).at(-1),
      find: (environment, key) => served.get(`${environment}/${key}`),
      active: () => [...served.values()].filter(({ state }) => !isOver(state)),
      all: () => served.values(),
      listen: (tell) => {
        listeners.add(tell)
        return () => void listeners.delete(tell)
      }
    })
  })
)
