import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Access } from "../../src/access/Access.ts"
import { CurrentIdentity, type Identity } from "../../src/access/Identity.ts"
import { shownBy } from "../../src/access/Watching.ts"
import { ISSUER, Issuer, isNamed, ops, startWith } from "./Jwt.ts"

const show = (token: string, address?: string) =>
  Effect.flatMap(Access, ({ authenticate }) => authenticate({ token: `Bearer ${token}`, address }))
const refusal = (token: string, address?: string) => Effect.flip(show(token, address))
const HOUR = 3_600_000
describe("Jwts", () => {
  it.effect(
    "UW1, JU1, JU3 what is claimed gives what the first rule that fits says, under a name that no key has",
    () => {
      const issuer = new Issuer()
      const admin = { claim: "groups", value: "root", grant: { role: "admin", environments: ["*"] } } as const
      return Effect.gen(function* () {
        const { keyId, signer, ...whom } = yield* show(issuer.token("auth0|ann", HOUR))
        const root = yield* show(issuer.token("bob", HOUR, { groups: ["x", "root"] }))

        assert.strictEqual(signer, "one")
        assert.deepStrictEqual(whom, {
          ...{ name: "jwt:auth0%7Cann@login.example.com/realms/a", by: "jwt", until: HOUR },
          ...ops.grant
        })
        assert.match(keyId, /^jwt:[0-9a-f]{16}:[0-9a-f]{8}$/)
        assert.strictEqual(root.role, "admin")
        const { createKey } = yield* Access
        isNamed(yield* Effect.flip(createKey({ ...admin.grant, name: whom.name, expiresAt: null })), "Unauthenticated")
      }).pipe(Effect.provide(startWith(issuer, { rules: [admin, ops] }).layer))
    }
  )

  it.effect("JU1 nobody may anything whom no rule names, and is told which settings decide", () => {
    const issuer = new Issuer()
    return Effect.gen(function* () {
      const error = yield* refusal(issuer.token("eve", HOUR, { realm_access: { roles: ["opsy"] } }))

      isNamed(error, "NoGrant")
      assert.include(error.message, "HERALD_OIDC_ROLES")
      assert.include(error.message, "jwt:eve@")
    }).pipe(Effect.provide(startWith(issuer).layer))
  })

  it.effect("UW2 what was right is not asked for again, until its issuer has other keys", () => {
    const issuer = new Issuer()
    return Effect.gen(function* () {
      const { recognise } = yield* (yield* Access).atOnce
      const token = issuer.token("ann", HOUR)
      assert.isUndefined(recognise({ token }))
      const first = yield* show(token)
      const again = [yield* show(token), recognise({ token: `Bearer ${token}` })]
      assert.deepStrictEqual(again, [first, first])
      assert.lengthOf(issuer.asked, 1)

      issuer.generation = 1
      issuer.tokens.clear()
      assert.isUndefined(recognise({ token }))
      isNamed(yield* refusal(token), "Unauthenticated")
    }).pipe(Effect.provide(startWith(issuer).layer))
  })

  it.effect("UW2 JK4 nothing that was right is remembered once none of the issuer's keys counts", () => {
    const issuer = new Issuer()
    return Effect.gen(function* () {
      const { recognise } = yield* (yield* Access).atOnce
      const token = issuer.token("ann", HOUR)
      yield* show(token)
      assert.isDefined(recognise({ token }))
      issuer.generation = undefined
      issuer.away = true
      assert.isUndefined(recognise({ token }))
      isNamed(yield* refusal(token), "IssuerUnavailable")
      issuer.away = false
      yield* show(token)
      assert.isUndefined(recognise({ token }), "of no generation it is not remembered")
      issuer.generation = 1
      yield* show(token)
      assert.isDefined(recognise({ token }))
    }).pipe(Effect.provide(startWith(issuer).layer))
  })

  it.effect("UW2 who is at work is remembered, however many others come once", () => {
    const issuer = new Issuer()
    return Effect.gen(function* () {
      const { recognise } = yield* (yield* Access).atOnce
      const busy = issuer.token("ann", HOUR)
      yield* show(busy)
      for (let i = 0; i < 2_000; i++) {
        yield* show(issuer.token(`s${i}`, HOUR))
        if (i % 400 === 0) assert.isDefined(recognise({ token: busy }))
      }
      assert.isDefined(recognise({ token: busy }))
      assert.strictEqual(issuer.asked.filter((token) => token === busy).length, 1)
    }).pipe(Effect.provide(startWith(issuer).layer))
  })

  it.effect("UW2 of those that are remembered the oldest goes: 1,000 of them, and their bytes", () => {
    const issuer = new Issuer()
    return Effect.gen(function* () {
      const { recognise } = yield* (yield* Access).atOnce
      const tokens = Array.from({ length: 1_100 }, (_, i) => issuer.token(`s${i}`, HOUR))
      yield* Effect.forEach(tokens, (token) => show(token))
      const known = tokens.filter((token) => recognise({ token }) !== undefined)

      assert.isAtMost(known.length, 1_000)
      assert.isAtLeast(known.length, 500)
      assert.strictEqual(known.at(-1), tokens.at(-1))
      assert.isUndefined(recognise({ token: tokens[0] }))
    }).pipe(Effect.provide(startWith(issuer).layer))
  })

  it.effect(
    "UW3 after 20 wrong tokens of an address no further signature is checked for it, and for others it is",
    () => {
      const issuer = new Issuer()
      return Effect.gen(function* () {
        const right = issuer.token("ann", HOUR)
        yield* show(right, "192.0.2.1")
        for (let i = 0; i < 20; i++) isNamed(yield* refusal(`a.${i}.c`, "192.0.2.1"), "Unauthenticated")
        const asked = issuer.asked.length
        const error = yield* refusal(issuer.token("bob", HOUR), "192.0.2.1")

        isNamed(error, "RateLimited")
        assert.isAbove(Number(error.details?.["retryAfterMillis"]), 0)
        assert.strictEqual(issuer.asked.length, asked)
        assert.strictEqual((yield* show(right, "192.0.2.1")).by, "jwt")
        assert.strictEqual((yield* show(issuer.token("bob", HOUR), "192.0.2.2")).by, "jwt")
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* show(issuer.token("cy", HOUR), "192.0.2.1")).by, "jwt")
      }).pipe(Effect.provide(startWith(issuer).layer))
    }
  )

  const unsigned = (sub: unknown, more = "") =>
    `eyJ.${Buffer.from(JSON.stringify({ sub, more })).toString("base64url")}.c2ln`
  it.effect("UW3 whose token was renewed is let in from an address of which others' wrong ones come", () => {
    const issuer = new Issuer()
    const renewed = (subject: string, more: string) => {
      const token = unsigned(subject, more)
      const claims = { realm_access: { roles: ["ops"] }, sub: subject }
      issuer.tokens.set(token, { issuer: ISSUER, subject, until: HOUR, claims, signer: "one" })
      return token
    }
    return Effect.gen(function* () {
      for (const address of ["192.0.2.1", undefined]) {
        yield* show(renewed("ann", `1 at ${address}`), address)
        for (let i = 0; i < 300; i++) yield* Effect.ignore(show(`a.${i}.c`, address))
        isNamed(yield* refusal(renewed("bob", "1"), address), "RateLimited")
        assert.strictEqual((yield* show(renewed("ann", `2 at ${address}`), address)).by, "jwt")

        for (let i = 0; i < 20; i++) isNamed(yield* refusal(unsigned("ann", `w${i}`), address), "Unauthenticated")
        const asked = issuer.asked.length
        isNamed(yield* refusal(unsigned("ann", "w"), address), "RateLimited")
        isNamed(yield* refusal(unsigned(["ann"], "w"), address), "RateLimited")
        assert.strictEqual(issuer.asked.length, asked)
      }
    }).pipe(Effect.provide(startWith(issuer).layer))
  })

  it.effect("UW3 a clock that is set forward or back gives nobody more wrong tokens", () => {
    const issuer = new Issuer()
    return Effect.gen(function* () {
      const clock = yield* Clock.Clock
      let ahead = 0
      const skewed: Clock.Clock = {
        ...clock,
        sleep: (duration) => clock.sleep(duration),
        currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + ahead,
        monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe()
      }
      yield* Effect.gen(function* () {
        for (let i = 0; i < 20; i++) isNamed(yield* refusal(`a.${i}.c`, "192.0.2.1"), "Unauthenticated")
        for (const by of [HOUR, -HOUR, 365 * 24 * HOUR]) {
          ahead = by
          isNamed(yield* refusal("a.b.c", "192.0.2.1"), "RateLimited")
        }
      }).pipe(Effect.provide(startWith(issuer).layer), Effect.provideService(Clock.Clock, skewed))
    })
  })

  it.effect(
    "UW3 an address that many share is not one; an issuer that is away is nobody's fault; what is too long is none",
    () => {
      const issuer = new Issuer()
      return Effect.gen(function* () {
        for (let i = 0; i < 50; i++) isNamed(yield* refusal(`a.${i}.c`, "10.0.0.1"), "Unauthenticated")
        issuer.away = true
        for (let i = 0; i < 50; i++) isNamed(yield* refusal(`b.${i}.c`, "192.0.2.1"), "IssuerUnavailable")
        const asked = issuer.asked.length
        isNamed(yield* refusal(`a.${"b".repeat(8_192)}.c`, "192.0.2.1"), "Unauthenticated")
        assert.strictEqual(issuer.asked.length, asked)
      }).pipe(Effect.provide(startWith(issuer, { shared: (address) => address === "10.0.0.1" }).layer))
    }
  )

  it.effect("UW4, A8 it is good until it ends, then for what is left of 30 s, and what it opened ends with it", () => {
    const issuer = new Issuer()
    return Effect.gen(function* () {
      const { stillValid, atOnce } = yield* Access
      const { recognise } = yield* atOnce
      const token = issuer.token("ann", 60_000)
      const identity = yield* show(token)
      yield* TestClock.adjust("59 seconds")
      assert.isTrue(yield* stillValid(identity))
      yield* TestClock.adjust("1 second")
      assert.isFalse(yield* stillValid(identity))
      const late = [yield* show(token), recognise({ token })]
      assert.deepStrictEqual(
        late.map((one) => one?.until),
        [90_000, 90_000]
      )
      yield* TestClock.adjust("30 seconds")
      assert.isUndefined(recognise({ token }))
      isNamed(yield* refusal(token), "Unauthenticated")
    }).pipe(Effect.provide(startWith(issuer).layer))
  })

  it.effect("UW5 JY2 A8 with the key that signed it ends what a token opened, and all that was made of it", () => {
    const issuer = new Issuer()
    return Effect.gen(function* () {
      const access = yield* Access
      const { recognise } = yield* access.atOnce
      const madeOf = Effect.fnUntraced(function* (identity: Identity) {
        const made = access.exchange({ life: 60_000, grant: {} })
        const { token } = yield* Effect.provideService(made, CurrentIdentity, identity)
        return { token, ticket: yield* access.ticketFor(identity, "staging") }
      })
      const old = yield* show(issuer.token("ann", HOUR))
      const [first, again] = [yield* madeOf(old), yield* show((yield* madeOf(old)).token)]
      const second = yield* madeOf(again)
      issuer.signer = "two"
      const fresh = yield* show(issuer.token("ann", HOUR, { n: 2 }))
      const its = yield* madeOf(fresh)
      assert.notStrictEqual(shownBy(old), shownBy(fresh))

      // A node that did not see these keys yet asks, once for each.
      issuer.unseen = true
      assert.isUndefined(recognise({ token: first.token }))
      assert.strictEqual((yield* show(first.token)).name, old.name)
      issuer.unseen = false
      issuer.gone.add("one")

      for (const gone of [old, again]) assert.isFalse(yield* access.stillValid(gone))
      for (const { token, ticket } of [first, second]) {
        assert.isUndefined(recognise({ token }))
        isNamed(yield* refusal(token), "Unauthenticated")
        isNamed(yield* Effect.flip(access.byTicket({ ticket, environment: "staging" })), "Unauthenticated")
      }
      for (const one of [
        fresh,
        yield* show(its.token),
        yield* access.byTicket({ ticket: its.ticket, environment: "staging" })
      ])
        assert.isTrue(yield* access.stillValid(one))
      assert.strictEqual(recognise({ token: its.token })?.name, fresh.name)
    }).pipe(Effect.provide(startWith(issuer).layer))
  })

  it.effect("UW5 what was made of a token is nothing where no issuer is trusted any more", () => {
    const issuer = new Issuer()
    return Effect.gen(function* () {
      const access = yield* Access
      const identity = yield* show(issuer.token("ann", HOUR))
      const { token } = yield* access
        .exchange({ life: 60_000, grant: {} })
        .pipe(Effect.provideService(CurrentIdentity, identity))
      const without = Layer.fresh(startWith(issuer, { trusted: false }).layer)
      isNamed(yield* refusal(token).pipe(Effect.provide(without)), "Unauthenticated")
    }).pipe(Effect.provide(startWith(issuer).layer))
  })
})
