/**
 * What each route needs and costs, known from the request's head, before its body is read. Pure.
 *
 *   R3  A route that is not in this table is refused to everybody.
 *   R4  The dearer a request is for the server, the more of its identity's rate it takes; a body costs by its bytes.
 */
import type { Permission } from "../../access/Identity.ts"

/** named: in the environment of the query; somewhere: the body names environments; everywhere: in all of them. */
export interface Need {
  readonly permission: Permission
  readonly where: "named" | "named or everywhere" | "somewhere" | "everywhere"
  /** Requests that it counts as. R4 */
  readonly cost: number
}

const need = (permission: Permission, where: Need["where"], cost = 1): Need => ({ permission, where, cost })

/** By group and name of the route. R3 */
export const needs: Readonly<Record<string, Need>> = {
  "config.publish": need("config.write", "named", 4),
  "config.get": need("config.read", "named"),
  "config.delete": need("config.write", "named", 4),
  "config.list": need("config.read", "named", 4),
  "config.history": need("config.read", "named", 20),
  "config.version": need("config.read", "named", 2),
  "config.diff": need("config.read", "named", 50),
  "config.rollback": need("config.write", "named", 4),
  "config.validate": need("config.write", "named", 10),
  "config.explain": need("config.read", "named", 10),
  "operations.release": need("config.write", "somewhere", 10),
  "operations.clients": need("clients.read", "named or everywhere", 50),
  "operations.audit": need("audit.read", "named or everywhere", 10),
  "operations.auditVerify": need("audit.read", "everywhere", 500),
  "keys.create": need("keys.manage", "everywhere", 4),
  "keys.list": need("keys.manage", "everywhere", 4),
  "keys.rotate": need("keys.manage", "everywhere", 4),
  "keys.revoke": need("keys.manage", "everywhere", 4)
}

/** Bytes of a body that cost as much as a request. */
const PER_TOKEN = 4_096
/** A body that does not say how long it is. */
const UNSAID = 1_048_576

export const costOf = ({ cost }: Need, headers: Readonly<Record<string, string | undefined>>): number => {
  const said = Number(headers["content-length"] ?? (headers["transfer-encoding"] === undefined ? 0 : UNSAID))
  return cost + (Number.isFinite(said) ? Math.ceil(Math.max(0, said) / PER_TOKEN) : 0)
}
