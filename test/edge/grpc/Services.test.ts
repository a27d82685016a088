/**
 * Who may make which call: every method of every protocol by every role, in its own and in another environment, with keys, kinds and topics of its own and
 * others, and by whoever nobody knows. What is expected is made from what a service needs and the one decision; what happens is asked over a socket.
 */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Access } from "../../../src/access/Access.ts"
import { type Act, decide, type Grant } from "../../../src/access/Decision.ts"
import { CurrentIdentity, type Identity, type Kind, roles, system } from "../../../src/access/Identity.ts"
import { nameOf } from "../../../src/edge/grpc/Service.ts"
import { grpc } from "../../../src/node/Node.ts"
import { Door, frame, raw } from "../../support/Door.ts"
import { type Call, calls, type Place } from "./Calls.ts"

const scopes: Readonly<Record<string, Omit<Grant, "role">>> = {
  "": { environments: ["*"] },
  " in production": { environments: ["production"] },
  " of mine.* in production": { environments: ["production"], keys: ["mine.*"] },
  " of mine.*, config and a topic": { environments: ["*"], keys: ["mine.*"], kinds: ["config"], topics: ["mine.k"] },
  " of flags": { environments: ["*"], kinds: ["flag"] }
}
const identities = roles.flatMap((role) =>
  Object.entries(scopes).map(([scope, its]): Identity => ({ name: `${role}${scope}`, keyId: "k", role, ...its }))
)
const tokens = new Map<string, string>()
const places: ReadonlyArray<Place> = ["production", "staging"].flatMap((environment) =>
  ["mine.k", "other.k"].map((key) => ({ environment, key }))
)

let door: Door
beforeAll(async () => {
  door = await Door.open()
  const wishes = identities.map(({ name, keyId: _, ...grant }, at) => ({ who: name, name: `matrix-${at}`, ...grant }))
  await door.run(
    Effect.gen(function* () {
      const access = yield* Access
      for (const { who, ...wish } of wishes) {
        const { token } = yield* access.createKey({ ...wish, expiresAt: null })
        tokens.set(who, `Bearer ${token}`)
      }
      const gone = { name: "gone", role: "admin", environments: ["*"], add: true } as const
      const revoked = yield* access.createKey({ ...gone, expiresAt: null })
      yield* access.revokeKey(revoked.key.id)
      tokens.set("revoked", `Bearer ${revoked.token}`)
      const expired = yield* access.createKey({ ...gone, expiresAt: null })
      yield* access.rotateKey(expired.key.id, 0)
      tokens.set("expired", `Bearer ${expired.token}`)
    }).pipe(Effect.provideService(CurrentIdentity, system))
  )
})
afterAll(() => door.close())

const methods = grpc.flatMap((service) =>
  Object.values(service.definition).map(({ path }) => {
    const [, name = "", method = ""] = path.split("/")
    return { path: `${name}/${method}`, permission: service.permission, call: calls[name]?.[method] }
  })
)

const onOf = (about: Call["about"], key: string): Act["on"] =>
  about === "some" ? "some" : about === "keys of flag" ? { kind: "flag" } : { kind: about as Kind, key }

const expectedOf = (
  identity: Identity,
  needed: (typeof methods)[number]["permission"],
  { permission = needed, about }: Call,
  { environment, key }: Place
): boolean => {
  const may = (act: Act) => decide(identity, act, 0).may
  const head = [...places.map((place) => place.environment), undefined].some((one) =>
    may(needed.startsWith("topics.") ? { permission: needed } : { permission: needed, environment: one, on: "some" })
  )
  if (!head) return false
  if (about === "head") return permission === needed || may({ permission })
  return about === "topic" ? may({ permission, topic: key }) : may({ permission, environment, on: onOf(about, key) })
}

/** A stream that is let in may have no end: it is left after a while, which is an answer, too. */
const ask = async (path: string, call: Call, place: Place, authorization: string | undefined) => {
  const { grpc: status, code } = await raw(
    door,
    path,
    frame(call.body(place)),
    { ...call.headers?.(place), authorization: authorization ?? "", "grpc-timeout": "300m" },
    true
  )
  return status === "7" || status === "16"
    ? `${status} ${code}`
    : status === "2" || status === "13"
      ? `fails ${status}`
      : "let in"
}

/** Topics are in no environment. */
const placesOf = ({ about }: Call) => places.slice(0, about === "head" ? 1 : about === "topic" ? 2 : undefined)

describe("every call by every identity", () => {
  for (const { path, permission, call } of methods)
    if (call !== undefined)
      it(`DN1 G5 ${path}`, async () => {
        const asked = identities.flatMap((identity) => placesOf(call).map((place) => ({ identity, place })))
        const answers = await Promise.all(
          asked.map(async ({ identity, place }) => {
            const who = `${identity.name}: ${place.key} in ${place.environment}`
            const took = await ask(path, call, place, tokens.get(identity.name))
            return [who, took, expectedOf(identity, permission, call, place) ? "let in" : "7 HRLD-3002"] as const
          })
        )
        assert.deepStrictEqual(
          Object.fromEntries(answers.map(([who, took]) => [who, took])),
          Object.fromEntries(answers.map(([who, , expected]) => [who, expected]))
        )
      })

  it("G5 has a row for every method, and none of what is no method", () => {
    const without = methods.filter(({ call }) => call === undefined).map(({ path }) => path)
    assert.deepStrictEqual(without, [], "a new method takes a row in Calls.ts: what it is about, as its use case asks")
    const known = Object.entries(calls).flatMap(([name, its]) => Object.keys(its).map((method) => `${name}/${method}`))
    assert.sameMembers(
      known,
      methods.map(({ path }) => path)
    )
    assert.sameMembers(Object.keys(calls), grpc.map(nameOf))
  })
})

describe("whoever nobody knows", () => {
  const shown: Readonly<Record<string, () => string | undefined>> = {
    nothing: () => undefined,
    "another scheme": () => "Basic YWRtaW46YWRtaW4=",
    "three parts": () => "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.",
    "one that was revoked": () => tokens.get("revoked"),
    "one that has ended": () => tokens.get("expired")
  }
  for (const [what, token] of Object.entries(shown))
    it(`A1 A3 with ${what} makes no call at all`, async () => {
      const took = await Promise.all(
        methods.map(async ({ path, call }) => [path, await ask(path, call!, places[0]!, token())] as const)
      )
      const expected = methods.map(({ path }) => [path, "16 HRLD-3001"] as const)
      assert.deepStrictEqual(Object.fromEntries(took), Object.fromEntries(expected))
    })
})
