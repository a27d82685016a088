/**
 * Says what each route needs and costs, by the request's head alone. Pure.
 *
 *   R3  A route that does not say what it needs is refused to everybody.
 *   R4  The dearer a request is for the server, the more of its identity's rate it takes; a body costs by its bytes, and one that
 *       is too large for any route, and so not read, as the largest that is.
 */
import { Context } from "effect"
import type { Permission } from "../../access/Identity.ts"
import { LARGEST_BODY } from "./BodyLimits.ts"

/** named: in the environment of the query; somewhere: in any, as the body says which; everywhere: in all environments. */
export interface Need {
  /** Undefined: whoever is signed in. */
  readonly permission: Permission | undefined
  readonly where: "named" | "named or everywhere" | "somewhere" | "everywhere"
  /** How many requests it counts as. R4 */
  readonly cost: number
}

/** Annotates an endpoint with what it needs. R3 */
export class Needs extends Context.Service<Needs, Need>()("herald/edge/http/Needs") {}

export const need = (permission: Permission, where: Need["where"], cost = 1): Need => ({ permission, where, cost })

/**
 * Annotates endpoints that change nothing but by a commit, so that what they are asked for can wait as a change request. Any other refuses to be asked
 * for one: a route that comes later does, too. AQ12
 */
export class CanWait extends Context.Service<CanWait, boolean>()("herald/edge/http/CanWait") {}

/** For whoever is signed in. */
export const signedIn = (cost: number): Need => ({ permission: undefined, where: "somewhere", cost })

/** Undefined: the endpoint does not say. R3 */
export const needOf = ({ annotations }: { readonly annotations: Context.Context<never> }): Need | undefined =>
  Context.getOrUndefined(annotations as Context.Context<Needs>, Needs)

/** Bytes of a body that cost as much as one request. */
const PER_TOKEN = 4_096
/** Bytes. A body that does not say its length costs as much as one of these. */
const UNSAID = 1_048_576

export const costOf = ({ cost }: Need, headers: Readonly<Record<string, string | undefined>>): number => {
  const said = Number(headers["content-length"] ?? (headers["transfer-encoding"] === undefined ? 0 : UNSAID))
  return cost + (Number.isFinite(said) ? Math.ceil(Math.min(Math.max(0, said), LARGEST_BODY) / PER_TOKEN) : 0)
}
