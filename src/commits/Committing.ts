/**
 * Makes a permitted request into one commit, for use cases of any kind.
 *
 *   F4  A request that comes again with its idempotency key gets the answer of the first, whatever would stand in its way by now.
 *   F5  What is overtaken between its checks and its turn is checked again, `TRIES` times in all, before its publisher hears of it.
 */
import { Clock, Effect } from "effect"
import type { Identity } from "../access/Identity.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { Propagation } from "../propagation/Propagation.ts"
import type { Change } from "../propagation/Revision.ts"
import { currentTraceparent, step } from "../telemetry/Traces.ts"
import { canonical } from "../values/Canonical.ts"
import { Digest } from "../values/Digest.ts"
import { Commits } from "./Commits.ts"
import { Conflict, Overtaken } from "./Conflict.ts"
import type { Action, Committed, Idempotency, Release } from "./Release.ts"
import { type CommitOptions, messageOf, optionsProblem } from "./Request.ts"
import { AsRequest, Requested, waitsAlready } from "./Requesting.ts"
import { Rules } from "./Rules.ts"
import { toldTo } from "./Unseen.ts"

const TRIES = 8

/** A request that was checked and may be committed. */
export interface Checked<C extends Change> extends Pick<Release<C>, "changes" | "basis"> {
  /** It may fit another version than the one that it was checked against, so it is checked again after a `Conflict`, too. */
  readonly conditional?: boolean
  /** What history and audit say in place of the request's message, which alone would not tell what was done. */
  readonly message?: string
}

export interface Asked<C extends Change> {
  readonly action: Action
  readonly identity: Identity
  /** Whose the idempotency key is; left out, the identity's. */
  readonly owner?: string
  readonly options: CommitOptions
  /** What an idempotency key stands for, as JSON: with another `request` the same key is refused. */
  readonly request: unknown
  /** Checks it. `again`: what it was checked against was outdated, and must be read anew. */
  readonly check: (again: boolean) => Effect.Effect<Checked<C>, HeraldError>
}

/**
 * `commit` returns when the commit is durable and this node knows of it. Fails `InvalidInput` for wrong options, as `check`, and as
 * `Commits.commit`.
 */
export const makeCommitting = Effect.gen(function* () {
  const commits = yield* Commits
  const propagation = yield* Propagation
  const digestOf = yield* Digest
  const judge = yield* Rules
  const clock = yield* Clock.Clock

  /** F4. Looks for an earlier commit again when it is refused: the first try may have been under way, and be committed by now. */
  const once = Effect.fnUntraced(function* <C extends Change>(
    idempotency: Idempotency & { readonly owner: string },
    made: Effect.Effect<Committed<C>, HeraldError>
  ) {
    const before = yield* commits.earlier<C>(idempotency)
    if (before !== undefined) return before
    return yield* Effect.catchIf(
      made,
      (error) => error.refused,
      (refused) =>
        Effect.flatMap(commits.earlier<C>(idempotency), (meanwhile) =>
          meanwhile === undefined ? Effect.fail(refused) : Effect.succeed(meanwhile)
        )
    )
  })

  const commit = Effect.fnUntraced(function* <C extends Change>(asked: Asked<C>) {
    const { action, identity, options, request, check } = asked
    const problem = optionsProblem(options)
    if (problem !== undefined) return yield* problem
    const { name: actor, keyId } = identity
    const { breakGlass, force = false, idempotencyKey, until } = options
    const message = messageOf(options)
    const waits = yield* AsRequest
    const idempotency =
      idempotencyKey === undefined
        ? undefined
        : {
            owner: asked.owner ?? actor,
            key: idempotencyKey,
            digest: digestOf(canonical({ action, request, message, ...(waits ? { waits } : {}) }))
          }
    const traceparent = yield* currentTraceparent
    const attempt = (left: number): Effect.Effect<Committed<C>, HeraldError> =>
      Effect.flatMap(check(left < TRIES), ({ changes, basis: checked, conditional = false, message: said = message }) =>
        judge({ action, changes, message: said, breakGlass, force, identity }, checked, left < TRIES).pipe(
          Effect.flatMap(({ basis, besides, instead }) => {
            const release = { actor, keyId, message: said, traceparent, idempotency, until }
            if (waits) {
              if (instead === undefined) return failure("InvalidInput", "nothing of it can wait for a second person")
              return Effect.mapError(
                commits.commit<C>({ ...release, action: "request", changes: instead as typeof changes }),
                waitsAlready
              )
            }
            const all = besides.length === 0 ? changes : [...changes, ...(besides as typeof changes)]
            return commits.commit<C>({ ...release, action, changes: all, basis }).pipe(step("Commits.commit"))
          }),
          Effect.mapError(toldTo(identity, clock.currentTimeMillisUnsafe())), // AQ22
          Effect.catchIf(
            (error) =>
              left > 1 && (error instanceof Overtaken || ((conditional || force) && error instanceof Conflict)), // F5
            () => attempt(left - 1)
          )
        )
      )
    const made = attempt(TRIES)
    const committed = idempotency === undefined ? yield* made : yield* once(idempotency, made)
    yield* Effect.logDebug("committed", { revision: String(committed.revision.revision), actor })
    yield* propagation.committed(committed.revision)
    if (waits) return yield* new Requested(committed.revision.changes[0]!)
    return committed
  })

  return commit
})
