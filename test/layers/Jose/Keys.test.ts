import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { type IssuerKeys, type KeysOptions, makeKeys } from "../../../layers/Jose/Keys.ts"
import { FakeIssuer, json, type Signing, signing } from "../../support/FakeIssuer.ts"
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
const keysOf = Effect.fnUntraced(function* (issuer: FakeIssuer, options: Partial<KeysOptions> = {}) {
  const keys = yield* makeKeys({ issuer: issuer.url, near: [issuer.address], ...options })
  yield* Effect.ignore(keys.withKey(undefined))
  return keys
})
const knows = (keys: IssuerKeys, kid: string) =>
  Effect.flatMap(keys.withKey(kid), (find) =>
    Effect.map(
      Effect.exit(Effect.tryPromise(() => Promise.resolve(find({ alg: "ES256", kid }, undefined as never)))),
      ({ _tag }) => _tag === "Success"
    )
  )
const whyNot = (keys: IssuerKeys) =>
  Effect.map(Effect.flip(keys.withKey("one")), ({ name, message }) => {
    assert.strictEqual(name, "IssuerUnavailable")
    return message
  })

describe("the keys of an issuer", () => {
  it.effect("JK3 a key that is not known is asked for at once, then not again for 30 s, whatever is named", () =>
    Effect.gen(function* () {
      const issuer = yield* open
      const keys = yield* keysOf(issuer)
      assert.isTrue(yield* knows(keys, "one"))
      assert.strictEqual(issuer.reads, 1)
      issuer.keys = [one.jwk, two.jwk]
      assert.isTrue(yield* knows(keys, "two"))
      assert.strictEqual(issuer.reads, 2)
      for (let i = 0; i < 100; i++) assert.isFalse(yield* knows(keys, `forged${i}`))
      assert.strictEqual(issuer.reads, 2)
      yield* TestClock.adjust("30 seconds")
      assert.isFalse(yield* knows(keys, "forged"))
      assert.strictEqual(issuer.reads, 3)
    })
  )

  it.effect("JK3 all who wait get the answer of one question", () =>
    Effect.gen(function* () {
      const issuer = yield* open
      let answer = () => {}
      issuer.jwks = (request, response) => {
        answer = () => json({ keys: [one.jwk, two.jwk] })(request, response)
      }
      const keys = yield* makeKeys({ issuer: issuer.url, near: [issuer.address] })
      const waiting = yield* Effect.forkChild(
        Effect.all(
          Array.from({ length: 50 }, (_, i) => knows(keys, i % 2 === 0 ? "one" : "two")),
          { concurrency: "unbounded" }
        )
      )
      yield* Effect.promise(() => waitUntil("the issuer is asked", () => issuer.reads === 1))
      answer()
      const found = yield* Fiber.join(waiting)
      assert.isTrue(found.every((it) => it))
      assert.strictEqual(issuer.reads, 1)
    })
  )

  it.effect(
    "JK3 every 10 min they are read again, also by nobody's asking: what signed and is gone counts no longer",
    () =>
      Effect.gen(function* () {
        const issuer = yield* open
        const keys = yield* keysOf(issuer)
        issuer.keys = [two.jwk]
        assert.isTrue(yield* knows(keys, "one"))
        assert.strictEqual(keys.generation(), 0)
        yield* TestClock.adjust("10 minutes")
        yield* Effect.promise(() =>
          waitUntil("the issuer is asked", () => issuer.reads === 2 && keys.generation() === 1)
        )
        assert.isFalse(yield* knows(keys, "one"))
        issuer.keys = [two.jwk, one.jwk]
        yield* TestClock.adjust("10 minutes")
        yield* Effect.promise(() => waitUntil("the issuer is asked", () => issuer.reads >= 3))
        assert.isTrue(yield* knows(keys, "one"))
        assert.strictEqual(keys.generation(), 1)
      })
  )

  it.effect(
    "JK4 is the issuer away, what is known counts for an hour, then nothing does, until it is there again",
    () =>
      Effect.gen(function* () {
        const issuer = yield* open
        const keys = yield* keysOf(issuer)
        issuer.configuration = (request) => void request.socket.destroy()
        yield* TestClock.adjust("59 minutes")
        yield* Effect.promise(() => waitUntil("the issuer is asked", () => issuer.asked.length >= 4))
        assert.isTrue(yield* knows(keys, "one"))
        assert.strictEqual(keys.generation(), 0)
        yield* TestClock.adjust("1 minute")
        assert.isUndefined(keys.generation(), "what was checked counts no longer, either")
        assert.include(yield* whyNot(keys), "its configuration")
        const asked = issuer.asked.length
        for (let i = 0; i < 20; i++) yield* whyNot(keys)
        assert.isAtMost(issuer.asked.length - asked, 1)
        issuer.configuration = undefined
        yield* TestClock.adjust("5 seconds")
        assert.isTrue(yield* knows(keys, "one"))
        assert.strictEqual(keys.generation(), 0)
      })
  )

  it.effect("JK4 the hour is one of the monotonic clock: no clock that is set makes a key last, or end", () =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      let ahead = 0
      const skewed: Clock.Clock = {
        ...clock,
        sleep: (duration) => clock.sleep(duration),
        currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + ahead,
        monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe()
      }
      yield* Effect.gen(function* () {
        const issuer = yield* open
        const keys = yield* keysOf(issuer)
        issuer.configuration = (request) => void request.socket.destroy()
        for (const by of [365 * 86_400_000, -365 * 86_400_000]) {
          ahead = by
          assert.isTrue(yield* knows(keys, "one"))
          assert.strictEqual(keys.generation(), 0)
        }
        yield* TestClock.adjust("1 hour")
        assert.isUndefined(keys.generation())
        assert.include(yield* whyNot(keys), "its configuration")
      }).pipe(Effect.provideService(Clock.Clock, skewed))
    })
  )

  const wrongs: ReadonlyArray<readonly [string, (issuer: FakeIssuer, other: FakeIssuer) => void, RegExp]> = [
    [
      "JK1 a way inward",
      (issuer) => {
        issuer.jwks = (_, response) => response.writeHead(302, { location: "http://127.0.0.1:1/jwks" }).end()
      },
      /answered 302/
    ],
    [
      "JK1 keys at a private address that no setting names",
      (issuer, other) => {
        issuer.configuration = json({ issuer: issuer.url, jwks_uri: `${other.url}/jwks` })
      },
      /HERALD_OIDC_NEAR/
    ],
    [
      "JK1 keys at a private address, by https",
      (issuer, other) => {
        issuer.configuration = json({ issuer: issuer.url, jwks_uri: `https://${other.address}/jwks` })
      },
      /not a public address/
    ],
    [
      "JK1 keys that are no URL of the web",
      (issuer) => {
        issuer.configuration = json({ issuer: issuer.url, jwks_uri: "file:///etc/passwd" })
      },
      /is no URL/
    ],
    [
      "JK1 another issuer's configuration",
      (issuer, other) => {
        issuer.configuration = json({ issuer: other.url, jwks_uri: `${issuer.url}/jwks` })
      },
      /names another issuer/
    ],
    [
      "JK2 65 keys",
      (issuer) => {
        issuer.keys = Array.from({ length: 65 }, (_, i) => ({ ...one.jwk, kid: `k${i}` }))
      },
      /65 keys/
    ],
    [
      "JK2 more than 64 KiB",
      (issuer) => {
        issuer.keys = [{ ...one.jwk, x5c: ["A".repeat(70_000)] }]
      },
      /longer than 64 KiB/
    ],
    [
      "JK2 secret keys, keys to encrypt with, and keys that are there to keep this server busy",
      (issuer) => {
        issuer.keys = [
          { kty: "oct", k: "AAAA", kid: "one" },
          { ...one.jwk, use: "enc" },
          { kty: "RSA", kid: "one", n: "A".repeat(2_000), e: "AQAB" }
        ]
      },
      /no public key/
    ],
    [
      "JK2 what is not JSON",
      (issuer) => {
        issuer.jwks = (_, response) => response.end("<html>")
      },
      /not JSON/
    ]
  ]
  for (const [name, arrange, said] of wrongs) {
    it.effect(`${name}: that is no answer`, () =>
      Effect.gen(function* () {
        const issuer = yield* open
        const other = yield* open
        arrange(issuer, other)
        const keys = yield* keysOf(issuer)

        assert.match(yield* whyNot(keys), said)
        assert.deepStrictEqual(other.asked, [])
      })
    )
  }

  it.effect(
    "JK1 a name that leads to a private address is not asked, by http none is, and a rebound name is not followed",
    () =>
      Effect.gen(function* () {
        const named = (issuer: string, near: ReadonlyArray<string> = []) =>
          Effect.flatMap(
            makeKeys({ issuer, near, resolve: () => Promise.resolve(["93.184.216.34", "10.0.0.7"]) }),
            whyNot
          )
        assert.match(yield* named("https://login.example.com"), /10\.0\.0\.7/)
        assert.match(yield* named("http://login.example.com"), /https alone/)
      })
  )

  it.live("JK2 an issuer that is slow is waited for 5 s, and what is known serves on", () =>
    Effect.gen(function* () {
      const issuer = yield* open
      issuer.jwks = () => {}
      const began = performance.now()
      const keys = yield* keysOf(issuer)
      assert.match(yield* whyNot(keys), /no answer within 5s/)
      assert.isAtLeast(performance.now() - began, 4_500)
    })
  )
})
