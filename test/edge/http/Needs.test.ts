/** Who may use which route, in which environment: every route of the contract, every kind of identity. */
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { LARGEST_BODY } from "../../../src/edge/http/BodyLimits.ts"
import { apiOf } from "../../../src/edge/http/Contract.ts"
import { costOf, needOf } from "../../../src/edge/http/Needs.ts"
import { http } from "../../../src/node/Node.ts"
import { startRoutes } from "./Harness.ts"

let door: Awaited<ReturnType<typeof startRoutes>>
beforeAll(async () => {
  door = await startRoutes()
})
afterAll(() => door.dispose())

const nobody = ["nobody", "garbage", "revoked", "expired"]
let guesses = 0
/** Another one now and then: who guesses the same key again and again is told to wait, and so are all when too many are looked up (KN2). */
const garbage = () => `Bearer hrld_${String(Math.floor(++guesses / 5)).padStart(16, "0")}_${"f".repeat(64)}`
const everywhere = ["subscriber", "viewer", "publisher", "admin"]
const scoped = everywhere.map((role) => `${role}@production`)
const rolesFor: Readonly<Record<string, ReadonlyArray<string>>> = {
  read: ["subscriber", "viewer", "publisher", "admin"],
  write: ["publisher", "admin"],
  clients: ["viewer", "publisher", "admin"],
  audit: ["viewer", "admin"],
  keys: ["admin"],
  subscribe: ["subscriber", "publisher", "admin"]
}
type Where = "environment" | "environment or everywhere" | "somewhere" | "everywhere"

/** `{environment}` is the one that is asked for. What is not in this table is open to nobody. */
const table: ReadonlyArray<readonly [method: string, path: string, needs: string, where: Where]> = [
  ["PUT", "/v1/config/k?environment={environment}", "write", "environment"],
  ["GET", "/v1/config/k?environment={environment}", "read", "environment"],
  ["DELETE", "/v1/config/k?environment={environment}", "write", "environment"],
  ["GET", "/v1/config?environment={environment}", "read", "environment"],
  ["GET", "/v1/values?environment={environment}", "read", "environment"],
  ["GET", "/v1/config/k/history?environment={environment}", "read", "environment"],
  ["GET", "/v1/config/k/versions/1?environment={environment}", "read", "environment"],
  ["GET", "/v1/config/k/diff?environment={environment}&from=1&to=1", "read", "environment"],
  ["POST", "/v1/config/k/rollback?environment={environment}", "write", "environment"],
  ["POST", "/v1/config/k/validate?environment={environment}", "write", "environment"],
  ["GET", "/v1/config/k/explain?environment={environment}", "read", "environment"],
  ["PUT", "/v1/flags/k?environment={environment}", "write", "environment"],
  ["GET", "/v1/flags/k?environment={environment}", "read", "environment"],
  ["DELETE", "/v1/flags/k?environment={environment}", "write", "environment"],
  ["GET", "/v1/flags?environment={environment}", "read", "environment"],
  ["GET", "/v1/flags/k/history?environment={environment}", "read", "environment"],
  ["GET", "/v1/flags/k/versions/1?environment={environment}", "read", "environment"],
  ["GET", "/v1/flags/k/diff?environment={environment}&from=1&to=1", "read", "environment"],
  ["POST", "/v1/flags/k/rollback?environment={environment}", "write", "environment"],
  ["POST", "/v1/flags/k/validate?environment={environment}", "write", "environment"],
  ["POST", "/v1/flags/k/evaluate?environment={environment}", "read", "environment"],
  ["PUT", "/v1/segments/k?environment={environment}", "write", "environment"],
  ["GET", "/v1/segments/k?environment={environment}", "read", "environment"],
  ["DELETE", "/v1/segments/k?environment={environment}", "write", "environment"],
  ["GET", "/v1/segments?environment={environment}", "read", "environment"],
  ["GET", "/v1/segments/k/history?environment={environment}", "read", "environment"],
  ["GET", "/v1/segments/k/versions/1?environment={environment}", "read", "environment"],
  ["GET", "/v1/segments/k/diff?environment={environment}&from=1&to=1", "read", "environment"],
  ["POST", "/v1/segments/k/rollback?environment={environment}", "write", "environment"],
  ["POST", "/v1/segments/k/validate?environment={environment}", "write", "environment"],
  ["POST", "/v1/segments/k/ids?environment={environment}", "write", "environment"],
  ["GET", "/v1/flag-settings?environment={environment}", "read", "environment"],
  ["PUT", "/v1/flag-settings?environment={environment}", "write", "environment"],
  ["POST", "/v1/flag-settings/validate?environment={environment}", "write", "environment"],
  ["GET", "/v1/flag-settings/history?environment={environment}", "read", "environment"],
  ["GET", "/v1/flagd?environment={environment}", "read", "environment"],
  ["PUT", "/v1/refs?environment={environment}&repository=r&branch=b", "write", "environment"],
  ["DELETE", "/v1/refs?environment={environment}&repository=r&branch=b", "write", "environment"],
  ["GET", "/v1/refs?environment={environment}", "read", "environment"],
  ["GET", "/v1/flags/k/refs?environment={environment}", "read", "environment"],
  // Of topics: a key that names none has them all where it works in every environment, otherwise none. KX1
  ["GET", "/v1/market-data", "read", "everywhere"],
  ["GET", "/v1/market-data/k/latest", "read", "everywhere"],
  ["GET", "/v1/market-data/k/history", "read", "everywhere"],
  ["POST", "/v1/topics", "keys", "everywhere"],
  ["GET", "/v1/topics", "read", "everywhere"],
  ["GET", "/v1/topics/k", "read", "everywhere"],
  ["GET", "/v1/topics/k/statistics", "read", "everywhere"],
  ["PATCH", "/v1/topics/k", "keys", "everywhere"],
  ["DELETE", "/v1/topics/k", "keys", "everywhere"],
  ["GET", "/v1/topics/k/stats", "read", "everywhere"],
  ["POST", "/v1/topics/k/producers", "write", "everywhere"],
  ["POST", "/v1/topics/k/events", "write", "everywhere"],
  ["GET", "/v1/topics/k/events", "read", "everywhere"],
  ["GET", "/v1/topics/k/stream", "read", "everywhere"],
  ["POST", "/v1/subscriptions", "subscribe", "everywhere"],
  ["GET", "/v1/subscriptions", "read", "everywhere"],
  ["GET", "/v1/subscriptions/k/s", "read", "everywhere"],
  ["PATCH", "/v1/subscriptions/k/s", "subscribe", "everywhere"],
  ["DELETE", "/v1/subscriptions/k/s", "subscribe", "everywhere"],
  ["GET", "/v1/subscriptions/k/s/retrying", "read", "everywhere"],
  ["GET", "/v1/subscriptions/k/s/stats", "read", "everywhere"],
  ["POST", "/v1/subscriptions/k/s/seek", "subscribe", "everywhere"],
  ["POST", "/v1/subscriptions/k/s/pause", "subscribe", "everywhere"],
  ["POST", "/v1/subscriptions/k/s/stop", "subscribe", "everywhere"],
  ["POST", "/v1/subscriptions/k/s/resume", "subscribe", "everywhere"],
  ["GET", "/v1/subscriptions/k/s/dead-letters", "read", "everywhere"],
  ["GET", "/v1/subscriptions/k/s/dead-letters/1", "read", "everywhere"],
  ["POST", "/v1/subscriptions/k/s/dead-letters/replay", "subscribe", "everywhere"],
  ["POST", "/v1/subscriptions/k/s/dead-letters/drop", "subscribe", "everywhere"],
  ["POST", "/v1/routes", "keys", "everywhere"],
  ["GET", "/v1/routes", "read", "everywhere"],
  ["GET", "/v1/routes/r", "read", "everywhere"],
  ["PATCH", "/v1/routes/r", "keys", "everywhere"],
  ["DELETE", "/v1/routes/r", "keys", "everywhere"],
  ["GET", "/v1/routes/r/stats", "read", "everywhere"],
  ["POST", "/v1/topics/k/route-test", "read", "everywhere"],
  ["PUT", "/v1/protections/p?environment={environment}", "keys", "environment"],
  ["GET", "/v1/protections?environment={environment}", "read", "environment"],
  ["DELETE", "/v1/protections/p?environment={environment}", "keys", "environment"],
  ["GET", "/v1/changes?environment={environment}", "read", "environment"],
  ["GET", "/v1/changes/c1?environment={environment}", "read", "environment"],
  ["GET", "/v1/changes/c1/ids?environment={environment}&segment=seg", "read", "environment"],
  ["POST", "/v1/changes/c1/approve?environment={environment}", "write", "environment"],
  ["POST", "/v1/changes/c1/reject?environment={environment}", "write", "environment"],
  ["POST", "/v1/changes/c1/apply?environment={environment}", "write", "environment"],
  ["POST", "/v1/changes/c1/review?environment={environment}", "write", "environment"],
  ["DELETE", "/v1/changes/c1?environment={environment}", "write", "environment"],
  ["POST", "/v1/schedules", "write", "somewhere"],
  ["GET", "/v1/schedules?environment={environment}", "read", "environment"],
  ["GET", "/v1/schedules/s1?environment={environment}", "read", "environment"],
  ["GET", "/v1/schedules/s1/preview?environment={environment}", "write", "environment"],
  ["DELETE", "/v1/schedules/s1?environment={environment}", "write", "environment"],
  ["POST", "/v1/rollouts", "write", "somewhere"],
  ["GET", "/v1/rollouts?environment={environment}", "read", "environment"],
  ["GET", "/v1/rollouts/r1?environment={environment}", "read", "environment"],
  ["GET", "/v1/rollouts/r1/history?environment={environment}", "read", "environment"],
  ["GET", "/v1/rollouts/r1/instances?environment={environment}", "clients", "environment"],
  ["POST", "/v1/rollouts/r1/pause?environment={environment}", "write", "environment"],
  ["POST", "/v1/rollouts/r1/resume?environment={environment}", "write", "environment"],
  ["POST", "/v1/rollouts/r1/promote?environment={environment}", "write", "environment"],
  ["POST", "/v1/rollouts/r1/abort?environment={environment}", "write", "environment"],
  ["POST", "/v1/experiments/k/start?environment={environment}", "write", "environment"],
  ["POST", "/v1/experiments/k/stop?environment={environment}", "write", "environment"],
  ["GET", "/v1/experiments?environment={environment}", "read", "environment"],
  ["GET", "/v1/experiments/k?environment={environment}", "read", "environment"],
  ["GET", "/v1/experiments/k/history?environment={environment}", "read", "environment"],
  ["GET", "/v1/experiments/k/results?environment={environment}", "read", "environment"],
  ["GET", "/v1/flags/k/usage?environment={environment}", "read", "environment"],
  ["GET", "/v1/flag-usage?environment={environment}", "read", "environment"],
  ["GET", "/v1/stale-flags?environment={environment}", "read", "environment"],
  ["POST", "/v1/reports", "subscribe", "somewhere"],
  ["POST", "/v1/track", "subscribe", "somewhere"],
  ["POST", "/ofrep/v1/evaluate/flags/k", "read", "somewhere"],
  ["POST", "/ofrep/v1/evaluate/flags", "read", "somewhere"],
  ["GET", "/ofrep/v1/events?environment={environment}", "read", "environment"],
  ["GET", "/v1/events?environment={environment}", "read", "environment"],
  ["POST", "/v1/releases", "write", "somewhere"],
  ["GET", "/v1/clients?environment={environment}", "clients", "environment or everywhere"],
  ["GET", "/v1/clients", "clients", "everywhere"],
  ["GET", "/v1/clients/summary?environment={environment}", "clients", "environment or everywhere"],
  ["GET", "/v1/clients/summary", "clients", "everywhere"],
  ["GET", "/v1/nodes", "clients", "everywhere"],
  ["GET", "/v1/environments", "read", "somewhere"],
  ["GET", "/v1/audit?environment={environment}", "audit", "environment or everywhere"],
  ["GET", "/v1/audit", "audit", "everywhere"],
  ["GET", "/v1/audit/verify", "audit", "everywhere"],
  ["GET", "/v1/audit/export", "audit", "everywhere"],
  ["GET", "/v1/audit/key", "audit", "everywhere"],
  ["POST", "/v1/stream/ticket", "subscribe", "somewhere"],
  ["GET", "/v1/access/whoami", "read", "somewhere"],
  ["GET", "/v1/limits?environment={environment}", "read", "environment"],
  ["GET", "/v1/access/can-i?permission=config.write&environment={environment}&key=k", "read", "somewhere"],
  ["POST", "/v1/token", "read", "somewhere"],
  ["GET", "/v1/access/grants", "keys", "everywhere"],
  ["POST", "/v1/keys", "keys", "everywhere"],
  ["GET", "/v1/keys", "keys", "everywhere"],
  ["POST", "/v1/keys/0123456789abcdef/rotate", "keys", "everywhere"],
  ["DELETE", "/v1/keys/0123456789abcdef", "keys", "everywhere"]
]
/** Without a token. */
const open = ["/livez", "/readyz", "/metrics", "/docs", "/openapi.json", "/v1/errors/HRLD-1001"]

const allowed = (as: string, roles: ReadonlyArray<string>, where: Where, environment: string): boolean => {
  const [role = "", scope] = as.split("@")
  if (!roles.includes(role)) return false
  if (scope === undefined || where === "somewhere") return true
  return where !== "everywhere" && scope === environment
}

describe("Needs", () => {
  for (const [method, path, needed, where] of table)
    it(`R3 ${method} ${path}: ${needed}, ${where}; decided before a body is read`, async () => {
      const took: Record<string, string> = {}
      const expected: Record<string, string> = {}
      for (const environment of ["production", "staging"])
        for (const as of [...nobody, ...everywhere, ...scoped]) {
          const name = `${as} in ${environment}`
          // A feed has no end: its head is decided alike.
          const { status, body } = await door.call(
            path.includes("/v1/events") ? "HEAD" : method,
            path.replace("{environment}", environment),
            {
              as,
              ...(as === "garbage" ? { headers: { authorization: garbage() } } : {}),
              // Were it read, the answer would be a 400.
              ...(method === "GET" || method === "DELETE" ? {} : { body: "{ this is no JSON" })
            }
          )
          took[name] =
            status === 401 || status === 403
              ? `${status} ${body?.code ?? `HRLD-3${status === 401 ? "001" : "002"}`}`
              : status < 500
                ? "let in"
                : String(status)
          expected[name] = nobody.includes(as)
            ? "401 HRLD-3001"
            : allowed(as, rolesFor[needed]!, where, environment)
              ? "let in"
              : "403 HRLD-3002"
        }

      assert.deepStrictEqual(took, expected)
    })

  it("R3 the table has every route of the contract, and nothing answers without a token but what is open", async () => {
    const { body } = await door.call("GET", "/openapi.json", { as: "nobody" })
    const routes = Object.entries(body.paths as Record<string, Record<string, unknown>>).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`)
    )
    const pattern = (path: string) => new RegExp(`^${path.replaceAll(/\{\w+\}/g, "[^/]+")}$`)
    const untold = routes.filter((route) => {
      const [method, path = ""] = route.split(" ")
      return !table.some(([m, p]) => m === method && pattern(path).test(p.split("?")[0]!))
    })
    for (const path of open) assert.strictEqual((await door.call("GET", path, { as: "nobody" })).status, 200, path)

    assert.deepStrictEqual(untold.sort(), ["GET /v1/access/login", "GET /v1/errors/{code}"])
    const login = await door.call("GET", "/v1/access/login", { as: "nobody" })
    assert.deepStrictEqual([login.status, login.body.code], [404, "HRLD-3079"])
    const needs = Object.values(apiOf(http).groups).flatMap((group) => Object.values(group.endpoints).map(needOf))
    assert.strictEqual(needs.filter((need) => need !== undefined).length, routes.length - 2)
  })

  it("R3 a release is judged again by the environments that its body names", async () => {
    const release = (environment: string) => ({ changes: [{ key: "k", environment, value: "1" }] })
    const own = await door.call("POST", "/v1/releases", { as: "publisher@production", body: release("production") })
    const foreign = await door.call("POST", "/v1/releases", { as: "publisher@production", body: release("staging") })

    assert.deepStrictEqual([own.status, foreign.status], [200, 403])
  })

  it("R4 a body costs by its bytes, as said or as it may be", () => {
    const need = needOf(apiOf(http).groups.releases.endpoints.release)!

    assert.deepStrictEqual(
      [{}, { "content-length": "8388608" }, { "transfer-encoding": "chunked" }, { "content-length": "x" }].map(
        (headers) => costOf(need, headers) - need.cost
      ),
      [0, 2_048, 256, 0]
    )
  })

  it("R4 a body that no route reads costs no more than the largest that one does", () => {
    const need = needOf(apiOf(http).groups.releases.endpoints.release)!
    const cost = (bytes: number) => costOf(need, { "content-length": String(bytes) })

    assert.strictEqual(cost(2 ** 40), cost(LARGEST_BODY))
  })
})
