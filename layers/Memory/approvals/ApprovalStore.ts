/** ApprovalStore over a `State`, and the tables that commits write: the rules of migration 0045. */
import { Clock, Effect, Layer } from "effect"
import { inTouchScope } from "../../../src/access/About.ts"
import { ApprovalStore } from "../../../src/approvals/ApprovalStore.ts"
import { type ApprovalWish, changeBytes, type Touch } from "../../../src/approvals/ChangeRequest.ts"
import type { Done } from "../../../src/approvals/Held.ts"
import { approvalProblem, approving, type Kept } from "../../../src/approvals/Limits.ts"
import { protecting } from "../../../src/approvals/Missing.ts"
import { approverRoles, PROTECTIONS, type Protection, type ProtectionWish } from "../../../src/approvals/Protection.ts"
import { nameOfTouch } from "../../../src/approvals/Touched.ts"
import { failure } from "../../../src/errors/HeraldError.ts"
import { pageOf } from "../../../src/values/Page.ts"
import { KindTables } from "../commits/KindTables.ts"
import type { At, Table } from "../commits/Table.ts"
import { Tables } from "../flags/Tables.ts"
import { RolloutTables } from "../rollouts/RolloutTables.ts"
import { State } from "../State.ts"
import { ScheduleTables } from "../schedules/ScheduleTables.ts"
import { ApprovalTables, baseOf, standingIn, worldOf } from "./ApprovalTables.ts"

interface Of {
  readonly environment: string
  readonly key: string
}
const idOf = ({ environment, key }: Of) => `${environment}/${key}`

export const layer = Layer.effect(
  ApprovalStore,
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const state = yield* State.service
    const tables = state.tables(ApprovalTables)
    const now = () => clock.currentTimeMillisUnsafe()
    const world = () => worldOf(state, tables, now())
    const kinds = state.tables(KindTables)
    kinds.kinds.set("protection", protectionTable(tables))
    kinds.kinds.set("approval", approvalTable(tables, world))

    /** As herald_was. */
    const textOf = (environment: string, { kind, key }: Touch, revision: bigint): string | undefined => {
      const versions =
        kind === "configuration"
          ? (state.versions.get(`${environment}/${key}`) ?? [])
          : kind === "flag"
            ? state.tables(Tables).of(kind).of({ environment, key })
            : undefined
      const found =
        versions === undefined
          ? kinds.of(kind).at({ environment, key }, revision)
          : versions.findLast((one) => one.revision <= revision)
      return found && JSON.stringify(found, (_, value) => (typeof value === "bigint" ? String(value) : value))
    }

    /** What its commit made, beside what was before. AQ18 */
    const doneIn = ({ environment, touches, applied, state: become }: Kept["request"]): ReadonlyArray<Done> => {
      if (applied === null || (become !== "review" && become !== "reviewed")) return []
      const at = BigInt(applied)
      const began = ["rollout", "schedule"].map((kind) => ({ kind, key: `${kind[0]}${applied}` }))
      return [...touches, ...began.filter(({ kind }) => kinds.kinds.has(kind))].flatMap(({ kind, key }) => {
        const revisionsBelow = (end: bigint) => {
          for (let one = end; one > 0n; one--) {
            const text = textOf(environment, { kind, key }, one)
            if (text !== undefined) return text
          }
          return undefined
        }
        const [before, is] = [revisionsBelow(at - 1n), textOf(environment, { kind, key }, at)]
        const candidate = state
          .tables(RolloutTables)
          .candidatesOf(environment, { kind: kind as "flag", key })
          .find((one) => one.revision === at)
        const made = is !== undefined && BigInt((JSON.parse(is) as { revision: string }).revision) === at
        const body =
          kind === "schedule" ? state.tables(ScheduleTables).rows.get(idOf({ environment, key }))?.body : undefined
        const after = !made
          ? candidate?.wish
          : body === undefined
            ? is
            : JSON.stringify({ ...(JSON.parse(is) as object), body: JSON.parse(body) as unknown })
        return after === undefined ? [] : [{ kind, key, before: before ?? null, after }]
      })
    }

    return ApprovalStore.of({
      protections: (environment) => Effect.sync(() => tables.live(environment)),
      protecting: (environment, changes) => Effect.sync(() => protecting(changes, environment, world())),
      bases: (environment, touches, named) =>
        Effect.sync(() => ({
          epoch: state.epoch,
          bases: [...touches, ...standingIn(state, environment, named, touches)].map(({ kind, key }) => ({
            kind,
            key,
            revision: String(baseOf(state, environment, { kind, key }))
          }))
        })),
      find: (environment, key) =>
        Effect.sync(() => {
          const kept = tables.requests.get(idOf({ environment, key }))
          if (kept === undefined) return undefined
          const { keyId, body, bases, approvals, request } = kept
          const touched = new Set(request.touches.map(nameOfTouch))
          const before = bases.flatMap(({ revision, ...touch }) => {
            const text =
              revision === "0" || !touched.has(nameOfTouch(touch))
                ? undefined
                : textOf(environment, touch, BigInt(revision))
            return text === undefined ? [] : [[`${touch.kind}/${touch.key}`, text]]
          })
          return {
            request: tables.shown(kept, world()),
            keyId,
            body,
            approvers: approvals.map(({ by, keyId, digest, until }) => ({
              name: by,
              keyId,
              holds: digest === request.digest,
              until
            })),
            before: Object.fromEntries(before),
            done: doneIn(request)
          }
        }),
      list: (environment, { limit, before, state: wanted, scope }) =>
        Effect.sync(() => {
          const rows = [...tables.requests.values()]
            .filter(
              ({ request }) =>
                request.environment === environment &&
                (before === undefined || BigInt(request.key.slice(1)) < before) &&
                request.rights.every((right) => inTouchScope(scope, right))
            )
            .map((kept) => tables.shown(kept, world()))
            .filter((one) => wanted === undefined || one.state === wanted)
          return pageOf(rows.reverse(), limit, changeBytes)
        })
    })
  })
)

const protectionTable = (tables: ApprovalTables): Table => ({
  problem: (wish) => {
    const { environment, key, deleted } = wish as ProtectionWish
    const live = tables.live(environment)
    const held = live.some((one) => one.key === key)
    if (deleted && !held)
      return failure("NotFound", `there is no protection ${key} in ${environment}`, { details: { key, environment } })
    return !held && live.length >= PROTECTIONS
      ? failure("ChangesFull", `${environment} has ${PROTECTIONS} protections already`)
      : undefined
  },
  write: (wish, { revision, now, actor, message }) => {
    const { environment, key, deleted, patterns, kinds, approvals, roles, lasts } = wish as ProtectionWish
    const made: Protection = {
      ...{ kind: "protection", environment, key, revision, deleted, patterns, kinds, approvals, roles, lasts, message },
      version: (tables.protections.get(idOf(wish))?.version ?? 0) + 1,
      updatedAt: now,
      updatedBy: actor
    }
    tables.protections.set(idOf(wish), made)
    tables.history.set(`protection/${idOf(wish)}/${revision}`, made)
    return made
  },
  at: (change, revision) => tables.history.get(`protection/${idOf(change)}/${revision}`),
  sweep: (horizon) => {
    const gone = [...tables.protections].filter(([, one]) => one.deleted && one.revision <= horizon)
    for (const [id] of gone) tables.protections.delete(id)
    return gone.length
  }
})

const approvalTable = (tables: ApprovalTables, world: () => ReturnType<typeof worldOf>): Table => {
  /** A table is not told which key acts, nor what is done: the release is, just before it is written. */
  let asking: { readonly keyId: string | undefined; readonly action: Kept["request"]["action"] }

  const begun = (
    wish: Extract<ApprovalWish, { readonly op: "open" | "glass" }>,
    { revision, now, actor, message }: At
  ): Kept => {
    const opens = wish.op === "open"
    return {
      request: {
        ...{ kind: "approval", environment: wish.environment, key: `c${revision}`, revision, version: 1 },
        state: opens ? "open" : "review",
        author: actor,
        action: opens ? wish.action : asking.action,
        touches: wish.touches.map(({ kind, key }) => ({ kind, key })),
        rights: wish.rights.map(({ kind, key }) => ({ kind, key })),
        digest: opens ? wish.digest : "",
        bytes: opens ? wish.bytes : 0,
        needed: opens ? wish.needed : 0,
        madeAt: now,
        expiresAt: opens ? now + wish.lasts : null,
        message,
        endedAt: null,
        endedBy: "",
        reason: opens ? "" : wish.reason,
        applied: opens ? null : String(revision)
      },
      keyId: asking.keyId,
      epoch: opens ? wish.epoch : "",
      bases: opens ? wish.bases : [],
      body: opens ? wish.body : "",
      approvals: []
    }
  }

  const gone = (wish: Exclude<ApprovalWish, { readonly op: "open" | "glass" }>, at: At): Kept => {
    const { revision, now, actor } = at
    const held = tables.requests.get(idOf(wish))!
    const request = { ...held.request, revision, version: held.request.version + 1 }
    if (wish.op === "approve") {
      const { digest, role, until } = wish
      const others = held.approvals.filter(({ by }) => by !== actor)
      return {
        ...held,
        request,
        approvals: [...others, { by: actor, keyId: asking.keyId, role, digest, at: now, until, person: undefined }]
      }
    }
    const over = { ...request, endedAt: now, endedBy: actor }
    if (wish.op === "apply") {
      const { approvers, by } = wish
      const counted = approving(held, world(), approverRoles, approvers)
      return {
        ...held,
        request: { ...over, endedBy: by, state: "applied", applied: String(revision) },
        approvals: held.approvals.map((one) => ({ ...one, person: counted.get(one.by) }))
      }
    }
    const state = { reject: "rejected", withdraw: "withdrawn", review: "reviewed" } as const
    return { ...held, request: { ...over, state: state[wish.op], reason: wish.reason } }
  }

  return {
    problem: (wish, release) => {
      asking = { keyId: release.keyId, action: release.action }
      return approvalProblem(wish as ApprovalWish, { name: release.actor, keyId: release.keyId }, world())
    },
    write: (wish, at) => {
      const its = wish as ApprovalWish
      const made = its.op === "open" || its.op === "glass" ? begun(its, at) : gone(its, at)
      tables.requests.set(idOf(made.request), made)
      const shown = tables.shown(made, { ...world(), now: at.now })
      tables.history.set(`approval/${idOf(shown)}/${at.revision}`, shown)
      return shown
    },
    at: (change, revision) => tables.history.get(`approval/${idOf(change)}/${revision}`),
    sweep: (horizon) => {
      const { schedule, rollout, now } = world()
      const begins = ({ request: { environment, applied } }: Kept) =>
        applied !== null &&
        (schedule(environment, `s${applied}`) !== undefined || rollout(environment, `r${applied}`) !== undefined)
      const swept = [...tables.requests].filter(
        ([, one]) =>
          one.request.revision <= horizon &&
          one.request.state !== "review" &&
          (one.request.state !== "open" || one.request.expiresAt! < now) &&
          !begins(one)
      )
      for (const [id] of swept) tables.requests.delete(id)
      return swept.length
    }
  }
}
