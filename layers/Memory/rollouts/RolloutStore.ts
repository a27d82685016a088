/** RolloutStore over a `State`, and the table that commits write: the rules of migration 0032. */
import { Clock, Effect, Layer } from "effect"
import { inTouchScope } from "../../../src/access/About.ts"
import { moveProblem, startProblem } from "../../../src/rollouts/Limits.ts"
import { isOver, type Rollout, type Target } from "../../../src/rollouts/Rollout.ts"
import { rolloutBytes } from "../../../src/rollouts/RolloutKind.ts"
import { RolloutStore } from "../../../src/rollouts/RolloutStore.ts"
import type { MoveWish, RolloutWish, StartWish } from "../../../src/rollouts/Wish.ts"
import { pageOf } from "../../../src/values/Page.ts"
import { KindTables } from "../commits/KindTables.ts"
import type { At, Table } from "../commits/Table.ts"
import { ExperimentTables } from "../experiments/ExperimentTables.ts"
import { Tables } from "../flags/Tables.ts"
import { State } from "../State.ts"
import { RolloutTables } from "./RolloutTables.ts"

const idOf = ({ environment, key }: Pick<Rollout, "environment" | "key">) => `${environment}/${key}`

/** The newest version of a key; undefined before the first. */
const newestOf = (state: State, environment: string, { kind, key }: Pick<Target, "kind" | "key">) =>
  kind === "configuration"
    ? state.versions.get(`${environment}/${key}`)?.at(-1)
    : state.tables(Tables).of("flag").of({ environment, key }).at(-1)

export const layer = Layer.effect(
  RolloutStore,
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const state = yield* State.service
    const tables = state.tables(RolloutTables)
    const now = () => clock.currentTimeMillisUnsafe()
    state.tables(KindTables).kinds.set("rollout", tableOf(state, tables, now))

    /** As herald_rollout_stands. */
    const stands = ({ environment, key, state: is, stage, targets, revision }: Rollout): boolean =>
      !isOver(is) ||
      (is !== "completed" &&
        stage >= 0 &&
        targets.some(
          (target) =>
            tables.last(environment, target)?.key === key &&
            (newestOf(state, environment, target)?.revision ?? 0n) < revision
        ))
    const sorted = (of: (rollout: Rollout) => bigint, rollouts: Iterable<Rollout>) =>
      [...rollouts].sort((a, b) => (of(a) < of(b) ? -1 : 1))
    const beganAt = ({ key }: Rollout): bigint => BigInt(key.slice(1))

    return RolloutStore.of({
      present: (after, limit) =>
        Effect.sync(() =>
          pageOf(
            sorted(
              ({ revision }) => revision,
              [...tables.rows.values()].filter((one) => one.revision > after && stands(one))
            ),
            limit,
            rolloutBytes
          )
        ),
      find: (environment, key) => Effect.sync(() => tables.history.get(idOf({ environment, key }))?.at(-1)),
      list: (environment, { limit, before, state: wanted, touching, scope }) =>
        Effect.sync(() => {
          const rows = [...tables.rows.values()].filter(
            (one) =>
              one.environment === environment &&
              (before === undefined || beganAt(one) < before) &&
              (wanted === undefined || one.state === wanted || (wanted === "active" && !isOver(one.state))) &&
              one.targets.every((target) => inTouchScope(scope, target)) &&
              (touching === undefined ||
                one.targets.some(({ kind, key }) => kind === touching.kind && key === touching.key))
          )
          return pageOf(sorted(beganAt, rows).reverse(), limit, rolloutBytes)
        }),
      history: (environment, key, { limit, after }) =>
        Effect.sync(() =>
          pageOf(
            (tables.history.get(idOf({ environment, key })) ?? []).filter(({ version }) => version > after),
            limit,
            rolloutBytes
          )
        ),
      candidate: (environment, key, target) =>
        Effect.sync(() => tables.candidatesOf(environment, target).find(({ rollout }) => rollout === key)?.wish),
      claim: (environment, key) =>
        Effect.sync(() => {
          const id = idOf({ environment, key })
          const marks = tables.marks.get(id)
          const rollout = tables.rows.get(id)
          if (marks === undefined || rollout === undefined || isOver(rollout.state)) return undefined
          marks.fence++
          return { fence: marks.fence, now: now() }
        })
    })
  })
)

const tableOf = (state: State, tables: RolloutTables, now: () => number): Table => {
  const newest = (environment: string, target: Pick<Target, "kind" | "key">) => newestOf(state, environment, target)
  /** 0: it is not there. */
  const versionOf = (environment: string, target: Pick<Target, "kind" | "key">): number => {
    const current = newest(environment, target)
    return current === undefined || current.deleted ? 0 : current.version
  }
  const nextOf = (environment: string, target: Pick<Target, "kind" | "key">): number =>
    tables.next(environment, target, newest(environment, target)?.version ?? 0)

  const problem = (wish: RolloutWish, changes: At["changes"]) => {
    const { environment } = wish
    if (wish.op === "move") {
      const id = idOf(wish)
      const rollout = tables.rows.get(id)
      const held = rollout && { rollout, ...(tables.marks.get(id) ?? { fence: -1n, bad: -1n }) }
      return moveProblem(wish, changes, held, now())
    }
    const active = [...tables.rows.values()].filter((one) => one.environment === environment && !isOver(one.state))
    const held = [...tables.candidates.values()].flat()
    return startProblem(wish, changes, {
      now: now(),
      active: active.length,
      bytes: held.reduce(
        (sum, one) => sum + (one.environment === environment && one.state === "candidate" ? one.bytes : 0),
        0
      ),
      versionOf: (target) => versionOf(environment, target),
      heldBy: (flag) => state.tables(ExperimentTables).held(environment, flag, { changes }),
      rolloutOf: (target) => tables.active(environment, target)
    })
  }

  const start = ({ environment, plan, candidates, salt, at: begins, why }: StartWish, at: At): Rollout => {
    const { revision, now, actor, message } = at
    const key = `r${revision}`
    const targets = candidates.map((candidate): Target => {
      const { kind, key: of, digest, strict, template, wish, bytes } = candidate
      const version = wish === "" ? 0 : nextOf(environment, candidate)
      const name = tables.nameOf(environment, candidate)
      const { top = 0, taken = 0n } = tables.keys.get(name) ?? {}
      const base = versionOf(environment, candidate)
      tables.keys.set(name, { rollout: key, top: Math.max(top, version), taken })
      if (version > 0) {
        const made = { kind, environment, key: of, version, rollout: key, revision, digest, wish, bytes, message }
        const its = { ...made, state: "candidate", madeAt: now, madeBy: actor } as const
        tables.candidates.set(name, [...(tables.candidates.get(name) ?? []), its])
      }
      return { kind, key: of, base, version, digest, strict, template, since: taken }
    })
    tables.marks.set(idOf({ environment, key }), { fence: 0n, bad: 0n })
    return {
      kind: "rollout",
      environment,
      key,
      version: 1,
      revision,
      state: "scheduled",
      stage: -1,
      begun: [],
      targets,
      plan,
      salt,
      until: begins ?? now,
      why,
      by: actor,
      at: now,
      startedBy: actor,
      startedAt: now,
      message
    }
  }

  /** RQ4 */
  const end = ({ environment, key, stage, targets }: Rollout, completed: boolean, revision: bigint): void => {
    for (const target of targets) {
      const name = tables.nameOf(environment, target)
      const its = tables.keys.get(name)!
      if (!completed && stage >= 0 && target.version > 0) tables.keys.set(name, { ...its, taken: revision })
      const state = completed ? ("promoted" as const) : ("withdrawn" as const)
      tables.candidates.set(
        name,
        tables.candidatesOf(environment, target).map((one) => (one.rollout === key ? { ...one, state } : one))
      )
    }
  }

  const move = ({ to, stage, below, also, lasts, why, ...wish }: MoveWish, at: At): Rollout => {
    const { revision, now, actor, changes } = at
    const held = tables.rows.get(idOf(wish))!
    const { environment } = held
    const targets = held.targets.map((target): Target => {
      const made = changes.some(
        (one) => one.kind === target.kind && one.environment === environment && one.key === target.key
      )
      if (target.version > 0 || !made) return target
      const last = newest(environment, target)
      return { ...target, base: last?.revision === revision ? last.version : nextOf(environment, target) }
    })
    const moved: Rollout = {
      ...held,
      version: held.version + 1,
      revision,
      state: to,
      stage,
      begun:
        below === null
          ? held.begun
          : [...held.begun, { revision, at: now, below, ...(also === undefined ? {} : { also }) }],
      targets,
      until: lasts === null ? null : Math.floor(now + lasts),
      why,
      by: actor,
      at: now
    }
    if (isOver(to)) end(moved, to === "completed", revision)
    return moved
  }

  return {
    problem: (wish, { changes }) => problem(wish as RolloutWish, changes),
    write: (wish, at) => {
      const its = wish as RolloutWish
      const rollout = asKept(its.op === "start" ? start(its, at) : move(its, at))
      const id = idOf(rollout)
      tables.rows.set(id, rollout)
      tables.history.set(id, [...(tables.history.get(id) ?? []), rollout])
      return rollout
    },
    at: (change, revision) => tables.history.get(idOf(change))?.find((one) => one.revision === revision),
    sweep: (horizon) => {
      let swept = 0
      for (const [name, { rollout, top }] of tables.keys) {
        const [environment = "", kind, ...key] = name.split("/")
        const last = newest(environment, { kind: kind as Target["kind"], key: key.join("/") })
        const held = tables.rows.get(`${environment}/${rollout}`)
        if (last === undefined || last.version < top || (held !== undefined && last.revision < held.revision)) continue
        if (held !== undefined && !isOver(held.state)) continue
        tables.keys.delete(name)
        swept++
      }
      for (const [id, rollout] of tables.rows) {
        if (!isOver(rollout.state) || rollout.revision > horizon) continue
        const { environment, state: is, stage, targets, key, revision } = rollout
        const stands = targets.some((target) => {
          const last = newest(environment, target)
          return tables.last(environment, target)?.key === key && last !== undefined && last.revision < revision
        })
        if (stands && is !== "completed" && stage >= 0) continue
        tables.rows.delete(id)
        tables.marks.delete(id)
        swept++
      }
      return swept
    }
  }
}

/** What goes through JSON in a database has no fields that are undefined. */
const asKept = (rollout: Rollout): Rollout => ({
  ...rollout,
  plan: JSON.parse(JSON.stringify(rollout.plan)),
  why: JSON.parse(JSON.stringify(rollout.why))
})
