/** Wrong ones of an address that come all at once. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as KeyHash from "../../layers/Crypto/access/KeyHash.ts"
import { Access } from "../../src/access/Access.ts"
import { TokenVerifier } from "../../src/access/TokenVerifier.ts"
import { failure } from "../../src/errors/HeraldError.ts"
import { FaultyKeys } from "../support/FaultyKeys.ts"
import { ISSUER, ops } from "./Jwt.ts"

const HOUR = 3_600_000
const tokenOf = (sub: string, more: string) =>
  `eyJ.${Buffer.from(JSON.stringify({ sub, more })).toString("base64url")}.c2ln`

/** An issuer of which every answer takes 2 ms, and whose tokens are those that say that they are right. */
const started = () => {
  const count = { verified: 0 }
  const verifier = Layer.succeed(TokenVerifier, {
    issuer: ISSUER,
    generation: () => 0,
    has: () => true,
    stillHas: () => Effect.succeed(true),
    verify: (token) =>
      Effect.suspend(() => {
        count.verified++
        const { sub, more } = JSON.parse(Buffer.from(token.split(".")[1]!, "base64url").toString())
        const claims = { realm_access: { roles: ["ops"] }, sub }
        const answer = more.startsWith("right")
          ? Effect.succeed({ issuer: ISSUER, subject: sub, until: HOUR, claims, signer: "one" })
          : Effect.fail(failure("Unauthenticated", "wrong"))
        return Effect.andThen(Effect.sleep(2), answer)
      })
  })
  const keys = new FaultyKeys()
  keys.slow = 2
  const options = { pepper: "p", ratePerSecond: 10_000, burst: 10_000, shared: () => false }
  const jwt = { rules: [ops], nameClaim: undefined }
  const layer = Access.layer({ ...options, jwt }).pipe(Layer.provide([keys.layer, KeyHash.layer, verifier]))
  return { count, keys, layer }
}

/** The names of what went wrong, and who got in. */
const all = Effect.fnUntraced(function* (tokens: ReadonlyArray<string>, address: string | undefined) {
  const { authenticate } = yield* Access
  const one = (token: string) =>
    Effect.match(authenticate({ token: `Bearer ${token}`, address }), {
      onFailure: ({ name }) => name as string,
      onSuccess: ({ name }) => name
    })
  const fiber = yield* Effect.forkChild(Effect.forEach(tokens, one, { concurrency: "unbounded" }))
  yield* TestClock.adjust("900 millis")
  return yield* Fiber.join(fiber)
})
const wrongOnes = (count: number, mark: string) =>
  Array.from({ length: count }, (_, i) => tokenOf(`s${i}`, `${mark}${i}`))
let guesses = 0
const guess = () => `hrld_${String(++guesses).padStart(16, "0")}_${"f".repeat(64)}`

describe("wrong ones at once", () => {
  it.effect("UW3 GB1 of a thousand tokens of an address at once 20 signatures are checked, then one a second", () => {
    const { count, layer } = started()
    return Effect.gen(function* () {
      const verified = []
      for (let round = 0; round < 4; round++) {
        yield* all(wrongOnes(1_000, `${round}-`), "192.0.2.1")
        verified.push(count.verified)
        yield* TestClock.adjust("100 millis")
      }
      assert.deepStrictEqual(verified, [20, 21, 22, 23])
      yield* all(wrongOnes(1_000, "nobody's"), undefined)
      assert.strictEqual(count.verified - verified[3]!, 200)
    }).pipe(Effect.provide(layer))
  })

  it.effect(
    "UW3 GB2 hundreds behind one address whose tokens are right all get in at once, and beside a storm those who were right",
    () => {
      const { layer } = started()
      return Effect.gen(function* () {
        const right = Array.from({ length: 300 }, (_, i) => tokenOf(`ann${i}`, "right"))
        const said = yield* all(right, "192.0.2.1")
        assert.isTrue(
          said.every((name) => name.startsWith("jwt:ann")),
          said.find((name) => !name.startsWith("jwt:ann"))
        )
        const renewed = right.map((_, i) => tokenOf(`ann${i}`, "right, and renewed"))
        const beside = yield* all([...wrongOnes(1_000, "x"), ...renewed], "192.0.2.1")
        assert.lengthOf(
          beside.filter((name) => name.startsWith("jwt:ann")),
          300
        )
        assert.lengthOf(
          beside.filter((name) => name === "Unauthenticated"),
          20
        )
      }).pipe(Effect.provide(layer))
    }
  )

  it.effect("A10 GB1 of a thousand API keys of an address at once the database is asked for 20", () => {
    const { keys, layer } = started()
    return Effect.gen(function* () {
      yield* all(Array.from({ length: 1_000 }, guess), "192.0.2.1")
      assert.strictEqual(keys.lookups, 20)
    }).pipe(Effect.provide(layer))
  })
})
