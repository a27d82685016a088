/**
 * Who has to approve a release, and has not: as herald_approval_missing says in SQL, under the lock. Commits in memory ask here. Pure.
 */
import type { Release, Wish } from "../commits/Release.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import type { RolloutWish } from "../rollouts/Wish.ts"
import type { ScheduleWish } from "../schedules/Schedule.ts"
import { canonical } from "../values/Canonical.ts"
import { bodyIn } from "./Body.ts"
import type { ApplyWish, ApprovalWish, Touch } from "./ChangeRequest.ts"
import { approvalProblem, countedFor, type Kept, keptOf, persons, stillStands, type World } from "./Limits.ts"
import { approverRoles, type Protection, protects, type Touched } from "./Protection.ts"
import { namedBy, reached, touchedOf } from "./Touched.ts"

const isApproval = (wish: Wish): wish is ApprovalWish => wish.kind === "approval"

/** Who has to approve a release, and has not; undefined: nothing stands in its way. AQ1 */
export const missing = (release: Release, world: World): HeraldError | undefined => {
  const own = release.changes.filter(isApproval)
  if (own.some(({ op }) => op !== "apply" && op !== "glass")) return undefined
  const asked = own.find((wish): wish is ApplyWish => wish.op === "apply")
  // Each is of its environment alone. AQ8
  const free = new Set(own.flatMap(({ op, environment }) => (op === "glass" ? [environment] : [])))
  let held: Kept | undefined
  if (asked !== undefined) {
    const problem = approvalProblem(asked, { name: release.actor, keyId: release.keyId }, world)
    if (problem !== undefined) return problem
    held = keptOf(world, asked)!
    const { environment, key, needed, action, author } = held.request
    const same =
      canonical(plainOf(release.changes.filter((wish) => !isApproval(wish)))) ===
      canonical(plainOf(bodyIn(held.body).changes))
    if (!same || release.action !== action || release.actor !== author)
      return failure("ChangeDiffers", `what would be done is not what ${key} asks for`, {
        details: { key, environment }
      })
    if (persons(held, world, approverRoles, asked.approvers) < 1)
      return failure("ApprovalRequired", `${key} in ${environment} has no approval that counts`, {
        details: { change: key, environment, needed: Math.max(needed, 1), have: 0 }
      })
  }
  const lack = lackOf(held, asked, world)
  const others = release.changes.filter((wish) => !isApproval(wish) && !free.has(wish.environment))
  const environments = [...new Set(others.map(({ environment }) => environment))].sort()
  const sureOf = allowedBy(release, world)
  for (const environment of environments) {
    const protections = world.protections(environment)
    if (protections.length === 0) continue
    const here = others.filter((wish) => wish.environment === environment)
    const touched = touchedBy(here, environment, sureOf, world)
    for (const one of protections) {
      const its = touched.find(({ sure, ...of }) => sure(one.roles) < one.approvals && protects(one, of))
      const problem = its && lack(one, its.kind, its.key)
      if (problem !== undefined) return problem
    }
  }
  for (const { kind, key, environment } of others) {
    const its = kind === "protection" ? world.protections(environment).find((one) => one.key === key) : undefined
    const problem = its && lack(its, "protection", key) // AQ7
    if (problem !== undefined) return problem
  }
  return undefined
}

const plainOf = (wishes: ReadonlyArray<Wish>) =>
  wishes.map((wish) =>
    Object.fromEntries(Object.entries(wish).map(([name, of]) => [name, typeof of === "bigint" ? String(of) : of]))
  )

const lackOf =
  (held: Kept | undefined, asked: ApplyWish | undefined, world: World) =>
  (one: Protection, kind: string, key: string | undefined): HeraldError | undefined => {
    const have = held === undefined ? 0 : persons(held, world, one.roles, asked?.approvers)
    if (have >= one.approvals) return undefined
    const { environment, key: protection, approvals } = one
    const what = kind === "*" ? "whatever a change of a kind that is not known may touch" : `the ${kind} ${key ?? "*"}`
    return failure(
      "ApprovalRequired",
      `${what} in ${environment} is protected by ${protection}: ${have} of ${approvals} approvals count`,
      {
        details: {
          kind,
          ...(key === undefined ? {} : { key }),
          environment,
          protection,
          needed: approvals,
          have,
          ...(held === undefined ? {} : { change: held.request.key })
        }
      }
    )
  }

/** Protections of what these touch, and those that these are. */
export const protecting = (
  changes: ReadonlyArray<Wish>,
  environment: string,
  world: World
): ReadonlyArray<Protection> => {
  const touched = touchedBy(changes, environment, () => none, world)
  const own = (one: Protection) => changes.some(({ kind, key }) => kind === "protection" && key === one.key)
  return world.protections(environment).filter((one) => own(one) || touched.some((of) => protects(one, of)))
}

/** For how many approvals of such roles it counts. */
type Counts = (roles: ReadonlyArray<string>) => number
const none: Counts = () => 0
const any: Counts = () => Number.POSITIVE_INFINITY

/** As herald_touched: what the changes name before what hangs on it. */
const touchedBy = (
  wishes: ReadonlyArray<Wish>,
  environment: string,
  sureOf: (wish: Wish) => Counts,
  world: World
): ReadonlyArray<Touched & { readonly sure: Counts }> => {
  const next = world.hanging(environment)
  const found = new Map<Counts, Map<string, Touched & { readonly sure: Counts; readonly direct: boolean }>>()
  for (const wish of wishes) {
    const [sure, named] = [sureOf(wish), namedBy(wish, world)]
    const its = found.get(sure) ?? new Map<string, Touched & { readonly sure: Counts; readonly direct: boolean }>()
    found.set(sure, its)
    for (const [touch, direct] of reached(named, next))
      for (const of of touchedOf(touch)) {
        const name = `${of.kind}/${of.key}`
        its.set(name, { ...of, sure, direct: direct || its.get(name)?.direct === true })
      }
  }
  const order = (a: string | undefined = "", b: string | undefined = "") => (a < b ? -1 : a > b ? 1 : 0)
  return [...found.values()]
    .flatMap((its) => [...its.values()])
    .sort((a, b) => Number(b.direct) - Number(a.direct) || order(a.kind, b.kind) || order(a.key, b.key))
}

/** For how many approvals each change counts by itself. AQ6 */
const allowedBy = (release: Release, world: World): ((wish: Wish) => Counts) => {
  const beginning = (environment: string, revision: bigint | undefined) =>
    world.requests.find(
      ({ request }) => request.environment === environment && request.applied === String(revision ?? "none")
    )
  const origin = (environment: string, revision: bigint | undefined): Counts => {
    const found = beginning(environment, revision)
    return found === undefined ? none : (roles) => countedFor(found, roles)
  }
  const ofMove = (wish: RolloutWish): Counts => {
    if (wish.op !== "move") return none
    if (wish.to === "paused" || wish.to === "rolled_back" || wish.to === "aborted") return any
    const rollout = world.rollout(wish.environment, wish.key)
    const goesOn = wish.fence !== null || (wish.stage === rollout?.stage && wish.to !== "completed")
    return goesOn ? origin(wish.environment, rollout?.began) : none
  }
  const found = new Map<string, Counts>()
  const add = (environment: string, { kind, key }: Touch, counts: Counts) => {
    const name = `${environment}/${kind}/${key}`
    const before = found.get(name) ?? none
    found.set(name, (roles) => Math.max(counts(roles), before(roles)))
  }
  for (const wish of release.changes) {
    const { environment, key } = wish
    if (wish.kind === "rollout" && release.action === "rollout") {
      const its = wish as RolloutWish
      if (its.op === "move")
        for (const target of world.rollout(environment, key)?.targets ?? []) add(environment, target, ofMove(its))
    } else if (wish.kind === "schedule" && (wish as ScheduleWish).state === "committed") {
      const its = world.schedule(environment, key)
      const request = beginning(environment, its?.made)
      if (request === undefined || !stillStands(request, world)) continue // AQ4
      for (const touch of its?.touches ?? []) add(environment, touch, (roles) => countedFor(request, roles))
    }
  }
  return (wish) =>
    wish.kind === "rollout"
      ? ofMove(wish as RolloutWish)
      : (found.get(`${wish.environment}/${wish.kind}/${wish.key}`) ?? none)
}
