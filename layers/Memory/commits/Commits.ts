/** Commits over a `State`. What differs by kind is done by the kind's `Table`. */
import { Clock, Effect, Layer } from "effect"
import { actingKey } from "../../../src/access/Principal.ts"
import { Commits } from "../../../src/commits/Commits.ts"
import type { Committed, Idempotency, Release } from "../../../src/commits/Release.ts"
import { isConfiguration } from "../../../src/configuration/ConfigurationKind.ts"
import { failure, type HeraldError } from "../../../src/errors/HeraldError.ts"
import { Quotas } from "../../../src/limits/Quotas.ts"
import type { Change, Revision } from "../../../src/propagation/Revision.ts"
import { locksProblem } from "../../../src/rollouts/Locks.ts"
import { AccessTables } from "../access/AccessTables.ts"
import { ApprovalTables } from "../approvals/ApprovalTables.ts"
import { addedBy, goesBack, TotalTables } from "../limits/TotalTables.ts"
import { RolloutTables } from "../rollouts/RolloutTables.ts"
import { State } from "../State.ts"
import { KindTables } from "./KindTables.ts"
import { digestOf, entryOf } from "./Table.ts"

const ownerOf = ({ idempotency, actor }: Release) => idempotency?.owner ?? actor

const replayed = (
  state: State,
  owner: string,
  idempotency: Idempotency | undefined
): Committed | HeraldError | undefined => {
  const earlier = idempotency && state.idempotency.get(`${owner}\u0000${idempotency.key}`)
  if (earlier === undefined) return undefined
  if (earlier.digest !== idempotency?.digest) {
    return failure("IdempotencyConflict", `the idempotency key ${idempotency?.key} was used for another request`)
  }
  return { revision: state.revisions[Number(earlier.revision) - state.swept - 1]!, replayed: true }
}

/** What the audit log says of a change: of a configuration its version, of any other its kind. */
const told = (change: Change, message: string) =>
  isConfiguration(change) ? { version: change.version, message: change.changeLog } : { kind: change.kind, message }

export const layer = Layer.effect(
  Commits,
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const state = yield* State.service
    const tables = state.tables(KindTables)

    const rollouts = state.tables(RolloutTables)
    const approvals = state.tables(ApprovalTables)
    const totals = state.tables(TotalTables)
    const quotas = yield* Quotas
    const problemOf = (release: Release): HeraldError | undefined => {
      const locked = locksProblem(release, rollouts.active)
      if (locked !== undefined) return locked
      const missing = approvals.missing(state, release, clock.currentTimeMillisUnsafe())
      if (missing !== undefined) return missing
      for (const wish of release.changes) {
        const problem = tables.of(wish.kind).problem(wish, release)
        if (problem !== undefined) return problem
      }
      for (const table of tables.kinds.values()) {
        const problem = table.unmet?.(release)
        if (problem !== undefined) return problem
      }
      return undefined
    }

    const commit = (release: Release): Committed | HeraldError => {
      const earlier = replayed(state, ownerOf(release), release.idempotency)
      if (earlier !== undefined) return earlier
      // W6
      if (release.until !== undefined && clock.monotonicTimeNanosUnsafe() >= release.until)
        return failure(
          "Timeout",
          "its time was over when its turn came. Nothing was written, and nothing of it ever will be"
        )
      const added = addedBy(state, release)
      const problem =
        problemOf(release) ??
        (goesBack(release) ? undefined : totals.problem(added, quotas, release.action === "rollback"))
      if (problem !== undefined) return problem
      const { action, actor, keyId, message, traceparent, idempotency } = release
      const now = clock.currentTimeMillisUnsafe()
      const revision = state.head + 1n
      const changes = release.changes.map((wish) => {
        const change = tables.of(wish.kind).write(wish, { revision, now, actor, message, changes: release.changes })
        state.tables(AccessTables).append({
          configId: entryOf(change),
          action,
          performedBy: actor,
          details: {
            ...told(change, message),
            revision: String(revision),
            digest: digestOf(change),
            ...actingKey(keyId)
          },
          createdAt: now
        })
        return change
      })
      totals.add(added)
      const row: Revision = { epoch: state.epoch, revision, changes, traceparent, actor, message, committedAt: now }
      state.revisions.push(row)
      if (idempotency !== undefined) {
        state.idempotency.set(`${ownerOf(release)}\u0000${idempotency.key}`, { digest: idempotency.digest, revision })
      }
      for (const tell of state.listeners) tell()
      return { revision: row, replayed: false }
    }

    const commits = {
      commit: (release: Release) =>
        Effect.suspend(() => {
          const result = commit(release)
          return "revision" in result ? Effect.succeed(result) : Effect.fail(result)
        }),
      earlier: (idempotency: Idempotency & { readonly owner: string }) =>
        Effect.suspend(() => {
          const found = replayed(state, idempotency.owner, idempotency)
          return found === undefined || "revision" in found ? Effect.succeed(found) : Effect.fail(found)
        })
    }
    return Commits.of(commits as Commits["Service"]) // only a table knows what type its wishes become
  })
)
