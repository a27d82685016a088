/** Use cases on protections and change requests. Every method checks `CurrentIdentity` for what it touches. */
import { Clock, Context, Effect, Layer } from "effect"
import { rightsScope } from "../access/About.ts"
import { requirePermission } from "../access/Access.ts"
import type { About } from "../access/Decision.ts"
import { CurrentIdentity, type Identity } from "../access/Identity.ts"
import { type Checked, makeCommitting } from "../commits/Committing.ts"
import type { Committed, Wish } from "../commits/Release.ts"
import type { CommitOptions } from "../commits/Request.ts"
import { AsRequest } from "../commits/Requesting.ts"
import { toldTo } from "../commits/Unseen.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { prefixOf } from "../keys/Pattern.ts"
import { environmentProblem } from "../keys/Target.ts"
import type { Change } from "../propagation/Revision.ts"
import { excerpt } from "../text/Excerpt.ts"
import { pageOf } from "../values/Page.ts"
import { textProblem } from "../values/Value.ts"
import { ApprovalStore } from "./ApprovalStore.ts"
import { bodyIn } from "./Body.ts"
import {
  type ApplyWish,
  type ApprovalWish,
  type ApproveWish,
  type ChangeRequest,
  isChangeId,
  REASON,
  type State
} from "./ChangeRequest.ts"
import type { Held } from "./Held.ts"
import { type IdsPage, makeListedIds, type Side } from "./ListedIds.ts"
import { makePersons } from "./Persons.ts"
import {
  type Protected,
  type Protection,
  type ProtectionWish,
  protectionKind,
  protectsSome,
  visibleTo
} from "./Protection.ts"
import { protectedProblem } from "./Wanted.ts"

type Options = Omit<CommitOptions, "message" | "breakGlass" | "force">
type Done = Effect.Effect<Committed<ChangeRequest>, HeraldError>

export class Approvals extends Context.Service<
  Approvals,
  {
    /** Requires keys.manage. Fails `InvalidInput`, `ChangesFull`, `ApprovalRequired` where it is there already, and as `Commits.commit`. AQ7 */
    readonly protect: (
      environment: string,
      key: string,
      wanted: Protected,
      options: CommitOptions
    ) => Effect.Effect<Committed<Protection>, HeraldError>
    /** As `protect`. Fails `NotFound` where there is none. */
    readonly unprotect: (
      environment: string,
      key: string,
      options: CommitOptions
    ) => Effect.Effect<Committed<Protection>, HeraldError>
    /** Of what the caller may see, in the order of their names behind `after`, one page (PB1). AQ13 */
    readonly protections: (
      environment: string,
      options: { readonly limit: number; readonly after: string }
    ) => Effect.Effect<ReadonlyArray<Protection>, HeraldError>
    /** Those that these changes touch, in whose way they stand: who asks may write them. AQ19 */
    readonly guarding: (changes: ReadonlyArray<Wish>) => Effect.Effect<ReadonlyArray<Protection>, HeraldError>
    /** Those of a key, of some of a pattern's keys, or with no `key` of any of that kind. AQ19 */
    readonly guardingSome: (
      environment: string,
      on: Pick<About, "kind"> & { readonly key?: string | undefined }
    ) => Effect.Effect<ReadonlyArray<Protection>, HeraldError>
    /** Of those that the caller may read whole, the newest first, one page (PB1) before `before`. AQ13 */
    readonly list: (
      environment: string,
      options: { readonly limit: number; readonly before: string | undefined; readonly state: State | undefined }
    ) => Effect.Effect<ReadonlyArray<ChangeRequest>, HeraldError>
    /** Fails `NotFound`, also where the caller may not read all of it. */
    readonly get: (environment: string, key: string) => Effect.Effect<Held, HeraldError>
    /** Who is in a segment whose ids are kept beside it, or comes or goes with the request: a page behind `after`. Fails as `get`. AQ21 */
    readonly ids: (
      environment: string,
      key: string,
      segment: string,
      ...page: readonly [side: Side, page: { readonly limit: number; readonly after: string | undefined }]
    ) => Effect.Effect<IdsPage, HeraldError>
    /** `digest`: what was seen. Fails `NotFound`, `OwnChange`, `ChangeDiffers`, `ChangeVoid`, `ChangeOver`. AQ2, AQ3 */
    readonly approve: (environment: string, key: string, digest: string, options: Options) => Done
    /** Whoever could approve it may. */
    readonly reject: (environment: string, key: string, reason: string, options: Options) => Done
    /** By its author, or an admin. */
    readonly withdraw: (environment: string, key: string, reason: string, options: Options) => Done
    /** Fails `ApprovalRequired`, `ChangeVoid`, `ChangeOver`, and as what it asks for. AQ5 */
    readonly apply: (environment: string, key: string, options: Options) => Effect.Effect<Committed, HeraldError>
    /** Closes the review of what was done without. Fails `OwnChange`, `ChangeOver`. AQ8 */
    readonly review: (environment: string, key: string, note: string, options: Options) => Done
  }
>()("herald/approvals/Approvals") {
  static readonly layer = Layer.effect(
    Approvals,
    Effect.suspend(() => make)
  )
}

/** Kinds of changes on which others may hang. */
const HANGING = ["configuration", "flag", "segment"]

const make = Effect.gen(function* () {
  const [store, clock] = [yield* ApprovalStore, yield* Clock.Clock]
  const { mayAll, requireAll, lasts, counting, authorOf } = yield* makePersons
  const committing = yield* makeCommitting
  const listed = yield* makeListedIds
  // Its own steps don't wait.
  const commit: typeof committing = (asked) => Effect.provideService(committing(asked), AsRequest, false)

  const unknown = (environment: string, key: string) =>
    failure(
      "NotFound",
      `there is no change request ${isChangeId(key) ? key : excerpt(key)} in ${environment}; see herald change list`
    )

  const get = Effect.fn("Approvals.get")(function* (environment: string, key: string) {
    const identity = yield* requirePermission("config.read", environment, "some")
    const held = isChangeId(key) ? yield* store.find(environment, key) : undefined
    if (held === undefined || !mayAll(identity, "config.read", held.request)) return yield* unknown(environment, key)
    return held
  })

  const step = (wish: ApprovalWish, action: "approve" | "reject" | "withdraw" | "review", options: Options) =>
    Effect.fnUntraced(function* (identity: Identity, message: string) {
      return yield* commit<ChangeRequest>({
        action,
        identity,
        options: { ...options, message },
        request: { ...wish },
        check: () => Effect.succeed({ changes: [wish] })
      })
    })

  const ended = Effect.fnUntraced(function* (
    environment: string,
    key: string,
    op: "reject" | "withdraw" | "review",
    reason: string,
    options: Options,
    may: (held: Held) => Effect.Effect<Identity, HeraldError>
  ) {
    const held = yield* get(environment, key)
    const identity = yield* may(held)
    if (reason.length > REASON || textProblem(reason) !== undefined || (op === "review" && reason.trim() === ""))
      return yield* failure(
        "InvalidInput",
        `why is said in ${op === "review" ? "1 to " : "at most "}${REASON} characters`
      )
    const { state, reason: was } = held.request
    const told = state === "void" ? [reason, `it was void: ${was}`].filter((one) => one !== "").join("; ") : reason
    return yield* step(
      { kind: "approval", environment, key, op, reason: told.slice(0, REASON) }, // AQ20
      op,
      options
    )(
      identity,
      `${op === "review" ? "reviewed" : op === "reject" ? "rejected" : "withdrew"} ${key}${told === "" ? "" : `: ${told}`}`
    )
  })

  const committed = (wish: ProtectionWish, identity: Identity, options: CommitOptions) =>
    committing<Protection>({
      action: "protect",
      identity,
      options,
      request: { ...wish },
      check: () => Effect.succeed({ changes: [wish] })
    })

  const named = Effect.fnUntraced(function* (environment: string, key: string, wanted?: Protected) {
    const identity = yield* requirePermission("keys.manage", environment)
    const problem = environmentProblem(environment) ?? protectedProblem(key, wanted)
    if (problem !== undefined) return yield* problem
    return identity
  })

  const guarding = Effect.fn("Approvals.guarding")(function* (changes: ReadonlyArray<Wish>) {
    const found: Array<Protection> = []
    for (const environment of new Set(changes.map((one) => one.environment)))
      found.push(
        ...(yield* store.protecting(
          environment,
          changes.filter((one) => one.environment === environment)
        ))
      )
    return found
  })

  return Approvals.of({
    guarding,

    guardingSome: Effect.fn("Approvals.guardingSome")(function* (environment, { kind, key }) {
      const its = kind === "config" ? "configuration" : kind
      if (key !== undefined && prefixOf(key) === undefined && HANGING.includes(its))
        return yield* guarding([{ kind: its, environment, key }])
      return (yield* store.protections(environment)).filter((one) => protectsSome(one, kind, key))
    }),

    protect: Effect.fn("Approvals.protect")(function* (environment, key, wanted, options) {
      const identity = yield* named(environment, key, wanted)
      return yield* committed({ kind: "protection", environment, key, deleted: false, ...wanted }, identity, options)
    }),

    unprotect: Effect.fn("Approvals.unprotect")(function* (environment, key, options) {
      const identity = yield* named(environment, key)
      const held = (yield* store.protections(environment)).find((one) => one.key === key)
      if (held === undefined) return yield* failure("NotFound", `there is no protection ${key} in ${environment}`)
      const { patterns, kinds, approvals, roles, lasts } = held
      const wish = { environment, key, deleted: true, patterns, kinds, approvals, roles, lasts }
      return yield* committed({ kind: "protection", ...wish }, identity, options)
    }),

    protections: Effect.fn("Approvals.protections")(function* (environment, { limit, after }) {
      const identity = yield* requirePermission("config.read", environment, "some")
      const all = yield* store.protections(environment)
      const seen = all.flatMap((one) => (one.key > after ? (visibleTo(identity, one) ?? []) : []))
      return pageOf(seen, limit, protectionKind.bytes)
    }),

    list: Effect.fn("Approvals.list")(function* (environment, { limit, before, state }) {
      const scope = rightsScope(yield* requirePermission("config.read", environment, "some"))
      const at = before !== undefined && isChangeId(before) ? BigInt(before.slice(1)) : undefined
      return yield* store.list(environment, { limit, before: at, state, scope })
    }),

    get,

    ids: (environment, key, segment, ...page) =>
      Effect.flatMap(get(environment, key), (held) => listed(held, segment, ...page)),

    approve: Effect.fn("Approvals.approve")(function* (environment, key, digest, options) {
      const held = yield* get(environment, key)
      const identity = yield* requireAll(held)
      const until = yield* lasts(identity)
      const wish: ApproveWish = {
        kind: "approval",
        environment,
        key,
        op: "approve",
        digest,
        role: identity.role,
        until
      }
      return yield* step(wish, "approve", options)(identity, `approved ${key}`)
    }),

    reject: Effect.fn("Approvals.reject")((environment, key, reason, options) =>
      ended(environment, key, "reject", reason, options, requireAll)
    ),

    withdraw: Effect.fn("Approvals.withdraw")((environment, key, reason, options) =>
      ended(environment, key, "withdraw", reason, options, (held) =>
        Effect.flatMap(requireAll(held), (identity) =>
          identity.name === held.request.author
            ? Effect.succeed(identity)
            : requirePermission("keys.manage", environment)
        )
      )
    ),

    review: Effect.fn("Approvals.review")((environment, key, note, options) =>
      ended(environment, key, "review", note, options, requireAll)
    ),

    apply: Effect.fn("Approvals.apply")(function* (environment, key, options) {
      const held = yield* get(environment, key)
      const { request, body } = held
      const caller = yield* requireAll(held)
      if (body === "")
        return yield* failure("ChangeOver", `${key} in ${environment} was done already, without a second person`)
      const { action, message, changes, basis } = bodyIn(body)
      const done = (identity: Identity, check: Effect.Effect<Checked<Change>, HeraldError>) =>
        commit<Change>({
          ...{ action, identity, owner: caller.name, request: { apply: key, environment }, check: () => check },
          options: { ...options, message }
        }).pipe(Effect.provideService(CurrentIdentity, identity))
      return yield* Effect.matchEffect(authorOf(held, caller), {
        onFailure: (why) => done(caller, Effect.fail(why)),
        onSuccess: (author) =>
          done(
            author,
            Effect.map(counting(held), (approvers) => {
              const applied: ApplyWish = {
                ...{ kind: "approval", environment, key, op: "apply", digest: request.digest },
                ...{ by: caller.name, approvers }
              }
              return { changes: [...changes, applied], basis, message }
            })
          )
      }).pipe(Effect.mapError(toldTo(caller, clock.currentTimeMillisUnsafe()))) // AQ22
    })
  })
})
