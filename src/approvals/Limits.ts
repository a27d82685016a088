/**
 * Why a change request, or what it asks for, is not done. Commits in memory ask here; herald_approval_problem says the same in SQL, under the
 * lock. Pure.
 */
import type { Role } from "../access/Identity.ts"
import { Overtaken } from "../commits/Conflict.ts"
import type { Wish } from "../commits/Release.ts"
import { Requested } from "../commits/Requesting.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import type { Rollout } from "../rollouts/Rollout.ts"
import { type Acting, type Made, meeting, personsOf } from "./Chain.ts"
import {
  APPROVALS,
  type ApprovalWish,
  type Base,
  CHANGES,
  CHANGES_BYTES,
  CHANGES_EACH,
  type ChangeRequest,
  REVIEWS,
  type State,
  type Touch
} from "./ChangeRequest.ts"
import { approverRoles, type Protection } from "./Protection.ts"

/** An API key, as far as approvals ask. */
export interface KnownKey extends Made {
  readonly role: Role
  readonly environments: ReadonlyArray<string>
}

export interface KeptApproval {
  readonly by: string
  readonly keyId: string | undefined
  readonly role: string
  readonly digest: string
  readonly at: number
  readonly until: number | null
  /** Which of the persons it was, when the request was applied; undefined: it did not count. */
  readonly person: string | undefined
}

/** A request as the store has it. */
export interface Kept {
  readonly request: Omit<ChangeRequest, "state" | "approvals"> & { readonly state: State }
  readonly keyId: string | undefined
  readonly epoch: string
  readonly bases: ReadonlyArray<Base>
  readonly body: string
  readonly approvals: ReadonlyArray<KeptApproval>
}

/** What is there, as it is when the turn of a commit has come. */
export interface World {
  readonly now: number
  readonly epoch: string
  readonly keys: ReadonlyArray<KnownKey>
  readonly protections: (environment: string) => ReadonlyArray<Protection>
  readonly requests: ReadonlyArray<Kept>
  readonly base: (environment: string, touch: Touch) => bigint
  /** What hangs on a thing by itself: flags that need a flag or name a segment, segments that name one, candidates among them. */
  readonly hanging: (environment: string) => (touch: Touch) => ReadonlyArray<Touch>
  /** Of an experiment's newest start. */
  readonly flagOf: (environment: string, experiment: string) => string | undefined
  readonly rollout: (environment: string, id: string) => (Rollout & { readonly began: bigint }) | undefined
  readonly schedule: (
    environment: string,
    id: string
  ) => { readonly made: bigint; readonly touches: ReadonlyArray<Touch> } | undefined
  readonly digestOf: (text: string) => string
}

export const voidOf = ({ request, epoch, bases }: Kept, world: World): string | undefined => {
  if (request.state !== "open") return undefined
  if (epoch !== world.epoch) return "history has another epoch since"
  for (const { kind, key, revision } of bases) {
    const now = String(world.base(request.environment, { kind, key }))
    if (now !== revision) return `the ${kind} ${key} was changed since, in revision ${now}`
  }
  return undefined
}

/** Whether all that it stands on, and does not change itself, is as it was when it was asked for. As herald_still_stands. */
export const stillStands = ({ request, epoch, bases }: Kept, world: World): boolean =>
  epoch === world.epoch &&
  bases.every(
    ({ kind, key, revision }) =>
      request.touches.some((touch) => touch.kind === kind && touch.key === key) ||
      String(world.base(request.environment, { kind, key })) === revision
  )

const authorOf = ({ request, keyId }: Kept): Acting => ({ name: request.author, keyId })

/**
 * Approvals that count now: of another person than the author, of a right that still is there. By the very key that approved, or, where that ended by
 * itself, by another of its principal: of the role that approved, either way.
 */
const approversOf = (kept: Kept, world: World, of: ReadonlyArray<string>): ReadonlyArray<KeptApproval> => {
  const { request, approvals } = kept
  const good = (key: KnownKey) => key.revokedAt === null && (key.expiresAt === null || key.expiresAt > world.now)
  const here = ({ environments }: KnownKey) => environments.includes("*") || environments.includes(request.environment)
  const stands = ({ by, keyId }: KeptApproval) => {
    const its = world.keys.find(({ id }) => id === keyId)
    if (its !== undefined && its.revokedAt !== null) return false
    const able = its !== undefined && good(its) ? [its] : world.keys.filter(({ name }) => name === by)
    return able.some((key) => key.name === by && good(key) && of.includes(key.role) && here(key))
  }
  return approvals.filter(
    (one) =>
      one.digest === request.digest &&
      of.includes(one.role) &&
      (one.until === null ? stands(one) : one.until > world.now) &&
      meeting(authorOf(kept), { name: one.by, keyId: one.keyId }, world.keys, world.now) === undefined
  )
}

/** Principals whose approval counts, each with the person that it is of. `lookedAt`: those of whom more is known; left out, all. AQ14 */
export const approving = (
  kept: Kept,
  world: World,
  of: ReadonlyArray<string>,
  lookedAt?: ReadonlyArray<string>
): ReadonlyMap<string, string> =>
  personsOf(
    approversOf(kept, world, of)
      .filter(({ by }) => lookedAt?.includes(by) ?? true)
      .map(({ by, keyId }) => ({ name: by, keyId })),
    world.keys,
    world.now
  )

/** How many they are. */
export const persons = (...asked: Parameters<typeof approving>): number => new Set(approving(...asked).values()).size

/** For how many approvals of these roles it counts since it was applied; of a broken glass for any number. AQ6 */
export const countedFor = ({ request, approvals }: Kept, of: ReadonlyArray<string>): number =>
  request.state === "review" || request.state === "reviewed"
    ? Number.POSITIVE_INFINITY
    : new Set(approvals.flatMap(({ person, role }) => (person !== undefined && of.includes(role) ? [person] : []))).size

export const stateOf = (kept: Kept, world: World): State => {
  const { state, expiresAt, needed } = kept.request
  if (state !== "open") return state
  if (expiresAt !== null && expiresAt <= world.now) return "expired"
  if (voidOf(kept, world) !== undefined) return "void"
  return persons(kept, world, approverRoles) >= needed ? "approved" : "open"
}

export const keptOf = (
  { requests }: World,
  { environment, key }: Pick<Wish, "environment" | "key">
): Kept | undefined => requests.find(({ request }) => request.environment === environment && request.key === key)

/** Nobody approves or looks at their own; undefined: it is another person who acts. AQ3, AQ10 */
const ownChange = (held: Kept, actor: Acting, world: World): HeraldError | undefined => {
  const { author, key, environment } = held.request
  const by = meeting(authorOf(held), actor, world.keys, world.now)
  if (by === undefined) return undefined
  const { name } = actor
  const why =
    name === author
      ? `${key} is of ${author}, so somebody else looks at it`
      : by === name
        ? `${key} is of ${author}, whose API key ${name} made, or one that it comes from`
        : by === author
          ? `${key} is of ${author}, who made this API key of ${name}, or one that it comes from`
          : `${key} is of ${author}, and ${by} made the API keys of both ${author} and ${name}, or those that they come from`
  return failure("OwnChange", why, { details: { key, environment, by } })
}

export const approvalProblem = (wish: ApprovalWish, actor: Acting, world: World): HeraldError | undefined => {
  const { environment, key, op } = wish
  const details = { key, environment }
  if (op === "glass") {
    const open = world.requests.filter(
      ({ request }) => request.environment === environment && request.state === "review"
    )
    return open.length >= REVIEWS
      ? failure(
          "ChangesFull",
          `${environment} has ${REVIEWS} open reviews of broken glass: somebody else closes one first`
        )
      : undefined
  }
  if (op === "open") return openProblem(wish, actor.name, world)
  const held = keptOf(world, wish)
  if (held === undefined) return failure("NotFound", `there is no change request ${key} in ${environment}`, { details })
  const { digest, state } = held.request
  if (op === "review") {
    if (state !== "review")
      return failure("ChangeOver", `${key} in ${environment} has no open review: it is ${state}`, { details })
    return ownChange(held, actor, world)
  }
  const now = stateOf(held, world)
  const ends = op === "withdraw" || op === "reject"
  if (now === "void" && !ends) {
    const why = voidOf(held, world)
    return failure("ChangeVoid", `the change request ${key} in ${environment} is void: ${why}`, { details })
  }
  if (now !== "open" && now !== "approved" && now !== "void")
    return failure("ChangeOver", `the change request ${key} in ${environment} is ${now}`, {
      details: { ...details, state: now }
    })
  const own = op === "approve" ? ownChange(held, actor, world) : undefined
  if (own !== undefined) return own
  if (op === "approve" && held.approvals.filter(({ by }) => by !== actor.name).length >= APPROVALS)
    return failure("ChangesFull", `${key} has ${APPROVALS} approvals already`, { details })
  if ((op === "approve" || op === "apply") && (wish.digest !== digest || world.digestOf(held.body) !== digest))
    return failure("ChangeDiffers", `the digest of ${key} is ${digest}, not ${wish.digest}`, { details })
  return undefined
}

const openProblem = (
  { environment, digest, bytes, bases, epoch }: Extract<ApprovalWish, { readonly op: "open" }>,
  actor: string,
  world: World
): HeraldError | undefined => {
  for (const { kind, key, revision } of bases) {
    if (epoch === world.epoch && String(world.base(environment, { kind, key })) === revision) continue
    return new Overtaken({
      name: "VersionConflict",
      message: `the ${kind} ${key} in ${environment} was changed while this was checked`,
      details: { key, environment, changed: "rules" }
    })
  }
  // Of a key that was revoked nobody else could have it done: then it is asked anew. AQ16
  const again = world.requests.find(
    ({ request, keyId }) =>
      request.state === "open" &&
      request.author === actor &&
      request.environment === environment &&
      request.digest === digest &&
      request.expiresAt! > world.now &&
      !world.keys.some(({ id, revokedAt }) => id === keyId && revokedAt !== null)
  )
  if (again !== undefined) return new Requested(again.request)
  const open = world.requests.filter(({ request: { state, expiresAt } }) => state === "open" && expiresAt! > world.now)
  const here = open.filter(({ request }) => request.environment === environment)
  if (here.length >= CHANGES)
    return failure("ChangesFull", `${environment} has ${CHANGES} open change requests already`)
  if (here.reduce((sum, { request }) => sum + request.bytes, bytes) > CHANGES_BYTES)
    return failure(
      "ChangesFull",
      `the open change requests of ${environment} would have more than ${CHANGES_BYTES} bytes`
    )
  if (open.filter(({ request }) => request.author === actor).length >= CHANGES_EACH)
    return failure("ChangesFull", `${actor} has ${CHANGES_EACH} open change requests already`)
  return undefined
}
