/** What an issuer took back, and what it may have: of keys by their thumbprints. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { calculateJwkThumbprint } from "jose"
import { makeKeys } from "../../../layers/Jose/Keys.ts"
import { FakeIssuer, type Signing, signing } from "../../support/FakeIssuer.ts"
import { waitUntil } from "../../support/waitUntil.ts"

let one: Signing
let two: Signing
beforeAll(async () => {
  one = await signing("ES256", "one")
  two = await signing("ES256", "two")
})

const opened: Array<FakeIssuer> = []
afterAll(() => Promise.all(opened.map((issuer) => issuer[Symbol.asyncDispose]())))
const open = Effect.promise(async () => {
  const issuer = await FakeIssuer.open(one)
  opened.push(issuer)
  return issuer
})

/** The first question, which it asks by itself, is over. */
const keysOf = Effect.fnUntraced(function* (issuer: FakeIssuer) {
  const keys = yield* makeKeys({ issuer: issuer.url, near: [issuer.address] })
  yield* Effect.ignore(keys.withKey(undefined))
  return keys
})
const printsOf = Effect.promise(() => Promise.all([one, two].map(({ jwk }) => calculateJwkThumbprint(jwk))))
const until = (what: string, is: () => boolean) => Effect.promise(() => waitUntil(what, is))

describe("what an issuer took back", () => {
  it.effect(
    "JK5 what the issuer took back is known as that, under whatever name, and what it has again as its own",
    () =>
      Effect.gen(function* () {
        const [first, second] = yield* Effect.promise(() =>
          Promise.all([one, two].map(({ jwk }) => calculateJwkThumbprint(jwk)))
        )
        const issuer = yield* open
        const keys = yield* keysOf(issuer)
        const readAgain = (reads: number) =>
          Effect.andThen(
            TestClock.adjust("10 minutes"),
            Effect.promise(() => waitUntil("the issuer is asked", () => issuer.reads === reads))
          )
        assert.deepStrictEqual([keys.has(first!), keys.has(second!)], [true, undefined])
        issuer.keys = [
          { ...one.jwk, kid: "renamed" },
          { kty: "RSA", kid: "half" }
        ]
        yield* readAgain(2)
        yield* Effect.promise(() => waitUntil("they are known", () => keys.generation() === 1))
        assert.isTrue(keys.has(first!))
        issuer.keys = [{ ...two.jwk, kid: "one" }]
        yield* readAgain(3)
        yield* Effect.promise(() => waitUntil("they are known", () => keys.has(second!)))
        assert.isFalse(keys.has(first!))
        assert.isFalse(yield* keys.stillHas(first!))
        assert.strictEqual(issuer.reads, 3)
        issuer.keys = [one.jwk]
        yield* readAgain(4)
        yield* Effect.promise(() => waitUntil("they are known", () => keys.has(first!)))
      })
  )

  for (const [how, left] of [
    ["", () => []],
    [", also where what is left signs nothing", () => [{ ...one.jwk, use: "enc" }]]
  ] as const) {
    it.effect(`JK5 who takes the last key back takes back all that it signed${how}`, () =>
      Effect.gen(function* () {
        const print = yield* Effect.promise(() => calculateJwkThumbprint(one.jwk))
        const issuer = yield* open
        const keys = yield* keysOf(issuer)
        issuer.keys = left()
        yield* TestClock.adjust("10 minutes")
        yield* Effect.promise(() => waitUntil("they are known", () => keys.generation() === 1))
        assert.deepStrictEqual([keys.has(print), yield* keys.stillHas(print)], [false, false])
      })
    )
  }

  it.effect("JK5 one that is not known is asked for aside, once in 30 s, and is the issuer's until that answers", () =>
    Effect.gen(function* () {
      const [first, second] = yield* printsOf
      const issuer = yield* open
      const keys = yield* keysOf(issuer)
      issuer.keys = [one.jwk, two.jwk]
      assert.isFalse(yield* keys.stillHas("none0"))
      yield* TestClock.adjust("31 seconds")
      for (let i = 0; i < 20; i++) assert.isTrue(yield* keys.stillHas(`none${i}`))
      assert.isTrue(yield* keys.stillHas(second!))
      yield* until("the answer", () => keys.has("none0") === false)
      assert.strictEqual(issuer.reads, 2)
      assert.deepStrictEqual([keys.has(first!), keys.has(second!)], [true, true])
      assert.isFalse(yield* keys.stillHas("none0"))
    })
  )

  it.effect("JK5 an issuer that does not answer takes nothing back, and nobody waits for it", () =>
    Effect.gen(function* () {
      const [first, second] = yield* printsOf
      const issuer = yield* open
      issuer.configuration = () => {} // it takes the question, and says nothing
      const keys = yield* makeKeys({ issuer: issuer.url, near: [issuer.address] })
      // The clock stands still: what waited for the answer would wait for ever.
      for (let i = 0; i < 5; i++) {
        assert.isTrue(yield* keys.stillHas(first!))
        assert.isTrue(yield* keys.stillHas(second!))
      }
      yield* TestClock.adjust("31 seconds")
      assert.isTrue(yield* keys.stillHas(second!))
      assert.isUndefined(keys.has(second!))
      issuer.keys = [two.jwk]
      issuer.configuration = undefined
      yield* TestClock.adjust("31 seconds")
      assert.isTrue(yield* keys.stillHas(second!))
      assert.isTrue(yield* keys.stillHas(first!))
      yield* until("the answer", () => keys.has(second!) === true)
      yield* TestClock.adjust("31 seconds")
      yield* Effect.ignore(keys.stillHas(first!))
      yield* until("the answer", () => keys.has(first!) === false)
    })
  )
})
