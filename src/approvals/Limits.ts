/**
 * Why a change request, or what it asks for, is not done. Commits in memory ask here; the functions of migration 0045 say the same in SQL, under the
 * lock. Pure.
 */
import type { Role } from "../access/Identity.ts"
import { Overtaken } from "../commits/Conflict.ts"
import type { Wish } from "../commits/Release.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import type { Rollout } from "../rollouts/Rollout.ts"
import {
  APPROVALS,
  type ApprovalWish,
  type Base,
  CHANGES,
  CHANGES_BYTES,
  CHANGES_EACH,
  type ChangeRequest,
  type State,
  type Touch
} from "./ChangeRequest.ts"
import type { Protection } from "./Protection.ts"

/** An API key, as far as approvals ask. */
export interface KnownKey {
  readonly id: string
  readonly name: string
  readonly role: Role
  readonly environments: ReadonlyArray<string>
  readonly expiresAt: number | null
  readonly revokedAt: number | null
}

/** A request as the store has it. */
export interface Kept {
  readonly request: Omit<ChangeRequest, "state" | "approvals"> & { readonly state: State }
  readonly keyId: string | undefined
  readonly epoch: string
  readonly bases: ReadonlyArray<Base>
  readonly body: string
  readonly approvals: ReadonlyArray<{
    readonly by: string
    readonly keyId: string | undefined
    readonly role: string
    readonly digest: string
    readonly at: number
    readonly until: number | null
  }>
  /** For how many approvals it counts since it was applied. AQ6 */
  readonly counted: number
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

const roles: ReadonlyArray<Role> = ["admin", "publisher", "viewer", "subscriber"]

export const voidOf = ({ request, epoch, bases }: Kept, world: World): string | undefined => {
  if (request.state !== "open") return undefined
  if (epoch !== world.epoch) return "history has another epoch since"
  for (const { kind, key, revision } of bases) {
    const now = String(world.base(request.environment, { kind, key }))
    if (now !== revision) return `the ${kind} ${key} was changed since, in revision ${now}`
  }
  return undefined
}

/** Persons whose approval counts now. */
export const approversOf = (
  { request, approvals }: Kept,
  world: World,
  of: ReadonlyArray<string>
): ReadonlyArray<string> => {
  const good = (key: KnownKey) => key.revokedAt === null && (key.expiresAt === null || key.expiresAt > world.now)
  const here = ({ environments }: KnownKey) => environments.includes("*") || environments.includes(request.environment)
  return approvals.flatMap(({ by, keyId, role, digest, until }) => {
    if (digest !== request.digest || by === request.author) return []
    if (until !== null) return until > world.now && of.includes(role) ? [by] : []
    if (world.keys.some(({ id, revokedAt }) => id === keyId && revokedAt !== null)) return []
    return world.keys.some((key) => key.name === by && good(key) && of.includes(key.role) && here(key)) ? [by] : []
  })
}

export const stateOf = (kept: Kept, world: World): State => {
  const { state, expiresAt, needed } = kept.request
  if (state !== "open") return state
  if (expiresAt !== null && expiresAt <= world.now) return "expired"
  if (voidOf(kept, world) !== undefined) return "void"
  return approversOf(kept, world, roles).length >= needed ? "approved" : "open"
}

export const keptOf = (
  { requests }: World,
  { environment, key }: Pick<Wish, "environment" | "key">
): Kept | undefined => requests.find(({ request }) => request.environment === environment && request.key === key)

export const approvalProblem = (wish: ApprovalWish, actor: string, world: World): HeraldError | undefined => {
  const { environment, key, op } = wish
  const details = { key, environment }
  if (op === "open" || op === "glass") return op === "open" ? openProblem(wish, actor, world) : undefined
  const held = keptOf(world, wish)
  if (held === undefined) return failure("NotFound", `there is no change request ${key} in ${environment}`, { details })
  const { author, digest, state } = held.request
  if (op === "review") {
    if (state !== "review")
      return failure("ChangeOver", `${key} in ${environment} has no open review: it is ${state}`, { details })
    return author === actor
      ? failure("OwnChange", `${actor} broke the glass, so somebody else looks at it`, { details })
      : undefined
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
  if (op === "approve" && author === actor)
    return failure("OwnChange", `${actor} asked for ${key}, so somebody else approves it`, { details })
  if (op === "approve" && held.approvals.filter(({ by }) => by !== actor).length >= APPROVALS)
    return failure("ChangesFull", `${key} has ${APPROVALS} approvals already`, { details })
  if ((op === "approve" || op === "apply") && (wish.digest !== digest || world.digestOf(held.body) !== digest))
    return failure("ChangeDiffers", `the digest of ${key} is ${digest}, not ${wish.digest}`, { details })
  return undefined
}

const openProblem = (
  { environment, bytes, bases, epoch }: Extract<ApprovalWish, { readonly op: "open" }>,
  actor: string,
  world: World
): HeraldError | undefined => {
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
  for (const { kind, key, revision } of bases) {
    if (epoch === world.epoch && String(world.base(environment, { kind, key })) === revision) continue
    return new Overtaken({
      name: "VersionConflict",
      message: `the ${kind} ${key} in ${environment} was changed while this was checked`,
      details: { key, environment, changed: "rules" }
    })
  }
  return undefined
}
