/** What matrices of every route are made of: the routes of the contract, what is expected of one decision, and how each is asked. */
import { type Act, decide } from "../../../src/access/Decision.ts"
import type { Identity, Kind } from "../../../src/access/Identity.ts"
import { apiOf } from "../../../src/edge/http/Contract.ts"
import { type Need, needOf } from "../../../src/edge/http/Needs.ts"
import { http } from "../../../src/node/Node.ts"
import { type Place, type Row, rows } from "./Acts.ts"
import type { startRoutes } from "./Harness.ts"

export const environments = ["production", "staging"]
const sides = ["mine", "other"]
export const places: ReadonlyArray<Place> = environments.flatMap((environment) =>
  sides.map((side) => ({ environment, side, key: `${side}.k` }))
)
export interface Endpoint {
  readonly method: string
  readonly path: string
  readonly need: Need | undefined
}
export const endpoints = new Map<string, Endpoint>(
  Object.entries(apiOf(http).groups).flatMap(([group, { endpoints: all }]) =>
    Object.entries(all as Record<string, Parameters<typeof needOf>[0] & Omit<Endpoint, "need">>).map(
      ([name, one]): [string, Endpoint] => [
        `${group}.${name}`,
        { method: one.method, path: one.path, need: needOf(one) }
      ]
    )
  )
)
export const rowsOf = (id: string): ReadonlyArray<Row> => {
  const [group = "", name = ""] = id.split(".")
  const found = rows[group]?.[name]
  return found === undefined ? [] : Array.isArray(found) ? found : [found as Row]
}

const onOf = (about: Row["about"], key: string): Act["on"] => {
  const [first = "", second = "", third] = about.split(" ")
  if (about === "some") return "some"
  if (about === "all") return undefined
  if (first === "keys") return { kind: third as Kind }
  if (first === "every") return { kind: second as Kind, key: "*" }
  return { kind: about as Kind, key }
}

/** What the head of the request decides, and what the use case does. */
export const expectedOf = (identity: Identity, { permission, where }: Need, { about }: Row, place: Place): boolean => {
  if (permission === undefined) return true
  const may = (act: Omit<Act, "permission">): boolean => decide(identity, { permission, ...act }, 0).may
  if (permission.startsWith("topics.")) return may({ topic: about === "topic" ? place.key : undefined })
  const named = where === "named" || where === "named or everywhere"
  const head =
    where === "somewhere"
      ? [...environments, undefined].some((environment) => may({ environment, on: "some" }))
      : may({ environment: named ? place.environment : undefined, on: "some" })
  if (!head || about === "head") return head
  return may({ environment: where === "everywhere" ? undefined : place.environment, on: onOf(about, place.key) })
}

/** The path and the query of a request about a place. */
const urlOf = ({ path, need }: Endpoint, { query = "" }: Row, { environment, key }: Place): string => {
  const filled = path
    .replace(/:(version|id)\b/, "1")
    .replace(/:code\b/, "HRLD-1001")
    .replaceAll(/:\w+/g, key)
  const asked = need?.where.startsWith("named") === true ? `environment=${environment}${query}` : query.slice(1)
  return asked === "" ? filled : `${filled}?${asked}`
}

type Door = Pick<Awaited<ReturnType<typeof startRoutes>>, "call">

export const ask = async (door: Door, endpoint: Endpoint, row: Row, place: Place, headers: Record<string, string>) => {
  // A feed has no end: its head is decided alike.
  const method = /\/events$/.test(endpoint.path) && endpoint.method === "GET" ? "HEAD" : endpoint.method
  const has = method !== "GET" && method !== "HEAD" && method !== "DELETE"
  const body = row.body === undefined ? "{ this is no JSON" : row.body(place)
  return door.call(method, urlOf(endpoint, row, place), {
    as: "nobody",
    headers: { ...row.headers, ...headers },
    ...(has ? { body } : {})
  })
}
export const tookOf = ({ status, body }: Awaited<ReturnType<typeof ask>>): string =>
  status === 401 || status === 403
    ? `${status} ${body?.code ?? (status === 401 ? "HRLD-3001" : "HRLD-3002")}`
    : status < 500
      ? "let in"
      : String(status)
