/**
 * Who may use which route: every route of the contract by every role, in its own and in another environment, with keys and kinds of its own and others, and by
 * whoever nobody knows. What is expected is made from what the route needs and the one decision; what happens is asked of the routes.
 */
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { decide, type Grant } from "../../../src/access/Decision.ts"
import { type Identity, type Kind, roles } from "../../../src/access/Identity.ts"
import { type Place, type Row, rows } from "./Acts.ts"
import { ask, type Endpoint, endpoints, expectedOf, places, rowsOf, tookOf } from "./EveryRoute.ts"
import { startRoutes } from "./Harness.ts"

const scopes: Readonly<Record<string, Omit<Grant, "role">>> = {
  "": { environments: ["*"] },
  " in production": { environments: ["production"] },
  " in production of mine.*": { environments: ["production"], keys: ["mine.*"] },
  " of mine.* and config": { environments: ["*"], keys: ["mine.*"], kinds: ["config"], topics: ["mine.k"] },
  " of flags and segments": { environments: ["*"], kinds: ["flag", "segment"] }
}
const identities = new Map<string, Identity>(
  roles.flatMap((role) =>
    Object.entries(scopes).map(([scope, its]): [string, Identity] => {
      const name = `${role}${scope}`
      return [name, { name, keyId: "k", role, ...its }]
    })
  )
)
const tokens = new Map<string, string>()

let door: Awaited<ReturnType<typeof startRoutes>>
beforeAll(async () => {
  door = await startRoutes()
  for (const [name, { role, environments, keys, kinds, topics }] of identities) {
    const rights = { ...(keys && { keys }), ...(kinds && { kinds }), ...(topics && { topics }) }
    const body = { name: `matrix-${tokens.size}`, role, environments, ...rights }
    const made = await door.call("POST", "/v1/keys", { body })
    assert.strictEqual(made.status, 201, `${name}: ${made.text}`)
    tokens.set(name, `Bearer ${made.body.token}`)
  }
  for (const place of places)
    for (const [kind, path, value] of [
      ["config", "config", { value: markerOf("config", place), type: "string" }],
      ["segment", "segments", { value: { targetUsers: [markerOf("segment", place)] } }],
      ["flag", "flags", { value: flagOf(markerOf("flag", place)) }]
    ] as const) {
      const at = `/v1/${path}/${keyOf(kind, place)}?environment=${place.environment}`
      const done = await door.call("PUT", at, { body: value })
      assert.strictEqual(done.status, 200, done.text)
    }
  for (const place of places) {
    const { environment } = place
    const changes = [{ environment, key: keyOf("config", place), value: markerOf("config", place) }]
    const body = { at: "+8760h", evenIfChanged: true, changes }
    const done = await door.call("POST", "/v1/schedules", { body })
    assert.strictEqual(done.status, 200, done.text)
  }
})
afterAll(() => door.dispose())

const kinds: ReadonlyArray<Kind> = ["config", "flag", "segment"]
/** What there is of a kind at a place. */
const keyOf = (kind: Kind, { environment, side }: Place) => `${side}.the-${kind}-of-${environment}`
/** Stands in its value, and nowhere else. */
const markerOf = (kind: Kind, place: Place) => `marker-${keyOf(kind, place)}`
/** The place with the key that a row is about. */
const withKey = ({ about }: Row, place: Place): Place =>
  kinds.some((kind) => kind === about) ? { ...place, key: keyOf(about as Kind, place) } : place
const flagOf = (marker: string) => ({
  state: "ENABLED",
  variants: { on: marker, off: "" },
  defaultVariant: "on"
})

/** What somebody was told of that they may not read: a value, or the name of a key that they did not ask for. */
const leaksOf = (text: string, identity: Identity, asked: string): ReadonlyArray<string> =>
  places.flatMap((place) =>
    kinds.flatMap((kind) => {
      const { environment } = place
      const key = keyOf(kind, place)
      if (decide(identity, { permission: "config.read", environment, on: { kind, key } }, 0).may) return []
      return [markerOf(kind, place), ...(key === asked ? [] : [key])].filter((one) => text.includes(one))
    })
  )

/** A key in a path, or in a body, is asked for by its name; for the others one is enough. */
const placesOf = ({ path }: Endpoint, row: Row) =>
  (row.body !== undefined || /:(?!id|code)/.test(path) ? places : places.filter(({ side }) => side === "mine")).map(
    (place) => withKey(row, place)
  )

describe("every route by every identity", () => {
  for (const [id, endpoint] of endpoints)
    for (const [at, row] of rowsOf(id).entries()) {
      const { need } = endpoint
      if (need === undefined) continue
      it(`DN1 DN3 ${id} ${at === 0 ? "" : `(${row.about}) `}${endpoint.method} ${endpoint.path}`, async () => {
        const took: Record<string, string> = {}
        const expected: Record<string, string> = {}
        for (const [name, identity] of identities)
          for (const place of placesOf(endpoint, row)) {
            const answer = await ask(door, endpoint, row, place, { authorization: tokens.get(name)! })
            const who = `${name}: ${place.key} in ${place.environment}`
            const leaks = leaksOf(answer.text, identity, place.key)
            took[who] = leaks.length === 0 ? tookOf(answer) : `told of ${leaks.join()}`
            expected[who] = expectedOf(identity, need, row, place) ? "let in" : "403 HRLD-3002"
          }
        assert.deepStrictEqual(took, expected)
      })
    }

  it("R3 has a row for every route, and no route is without a need but the catalogue of errors and the way to sign in", () => {
    const without = [...endpoints.keys()].filter((id) => rowsOf(id).length === 0)
    assert.deepStrictEqual(
      without,
      [],
      "a new route takes a row in Acts.ts: what it is about, as its use case asks for it"
    )
    const gone = Object.entries(rows).flatMap(([group, its]) =>
      Object.keys(its)
        .map((name) => `${group}.${name}`)
        .filter((id) => !endpoints.has(id))
    )
    assert.deepStrictEqual(gone, [], "rows of routes that are no more")
    const open = [...endpoints].filter(([, { need }]) => need === undefined).map(([id]) => id)
    assert.deepStrictEqual(open.sort(), ["errors.explain", "signIn.offer"])
  })

  it("R3 the document has the routes of the contract, and no other", async () => {
    const { body } = await door.call("GET", "/openapi.json", { as: "nobody" })
    const told = Object.entries(body.paths as Record<string, Record<string, unknown>>).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ":$1")}`)
    )
    assert.sameMembers(
      told,
      [...endpoints.values()].map(({ method, path }) => `${method} ${path}`)
    )
  })
})

describe("whoever nobody knows", () => {
  let guesses = 0
  /** Another id now and then: who guesses the same one again and again is told to wait. */
  const guess = () => `hrld_${String(Math.floor(++guesses / 5)).padStart(16, "0")}_${"f".repeat(64)}`
  const shown: Readonly<Record<string, () => Record<string, string>>> = {
    nothing: () => ({}),
    "no token": () => ({ authorization: "Bearer " }),
    "another scheme": () => ({ authorization: "Basic YWRtaW46YWRtaW4=" }),
    "a guess": () => ({ authorization: `Bearer ${guess()}` }),
    "three parts": () => ({ authorization: "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9." }),
    "a long one": () => ({ authorization: `Bearer ${"x".repeat(5_000)}` }),
    "one that was revoked": () => ({ authorization: `Bearer ${door.tokens.get("revoked")}` }),
    "one that has ended": () => ({ authorization: `Bearer ${door.tokens.get("expired")}` })
  }
  for (const [what, headers] of Object.entries(shown))
    it(`A1 A3 R2 with ${what} is refused at every route, and told of nothing`, async () => {
      const took: Record<string, string> = {}
      for (const [id, endpoint] of endpoints) {
        if (endpoint.need === undefined) continue
        const answer = await ask(door, endpoint, rowsOf(id)[0]!, withKey(rowsOf(id)[0]!, places[0]!), headers())
        took[id] = answer.text.includes("marker-") ? "told of a key" : tookOf(answer)
      }
      const expected = Object.fromEntries(Object.keys(took).map((id) => [id, "401 HRLD-3001"]))
      assert.isAbove(Object.keys(took).length, 100)
      assert.deepStrictEqual(took, expected)
    })
})

describe("the matrix", () => {
  it("DN1 is what was meant, told without the decision: which scope may touch what", () => {
    const where = (about: Kind) =>
      Object.values(scopes).map((scope) => {
        const allowed = places.filter((place) => {
          const on = { kind: about, key: keyOf(about, place) }
          const { environment } = place
          const identity: Identity = { name: "n", keyId: "k", role: "publisher", ...scope }
          return decide(identity, { permission: "config.write", environment, on }, 0).may
        })
        return allowed.map(({ environment, side }) => `${side} ${environment}`).join(", ")
      })
    const all = "mine production, other production, mine staging, other staging"
    const production = "mine production, other production"
    assert.deepStrictEqual(where("config"), [all, production, "mine production", "mine production, mine staging", ""])
    for (const kind of ["flag", "segment"] as const)
      assert.deepStrictEqual(where(kind), [all, production, "mine production", "", all])
    assert.deepStrictEqual(where("secret"), [all, production, "mine production", "", ""])
  })

  it("DN1 tells apart what it is made of: of each role, each scope is allowed something else, and none everything", () => {
    const answerOf = (identity: Identity) =>
      [...endpoints].flatMap(([id, { need }]) =>
        rowsOf(id).flatMap((row) =>
          places.map((place) => need !== undefined && expectedOf(identity, need, row, withKey(row, place)))
        )
      )
    for (const role of roles) {
      const answers = [...identities.values()].filter((one) => one.role === role).map(answerOf)
      assert.strictEqual(new Set(answers.map((one) => one.join())).size, Object.keys(scopes).length, role)
      for (const answer of answers) assert.includeMembers(answer, [true, false], role)
    }
  })
})
