import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as KeyHash from "../../layers/Crypto/access/KeyHash.ts"
import { Access } from "../../src/access/Access.ts"
import { ApiKeyStore } from "../../src/access/ApiKeyStore.ts"
import { ExchangeAudit, type ExchangeEntry } from "../../src/access/ExchangeAudit.ts"
import { CurrentIdentity, type Identity } from "../../src/access/Identity.ts"
import type { Exchange } from "../../src/access/ServiceToken.ts"
import { FaultyKeys } from "../support/FaultyKeys.ts"
import { authenticate, create } from "./Harness.ts"
import { Issuer, isNamed, startWith } from "./Jwt.ts"

const MINUTE = 60_000
const robot: Identity = { name: "robot", keyId: "k1", role: "publisher", environments: ["*"] }
const exchange = (identity: Identity, more: Partial<Exchange> = {}) =>
  Effect.flatMap(Access, (access) => access.exchange({ life: MINUTE, grant: {}, ...more })).pipe(
    Effect.provideService(CurrentIdentity, identity)
  )
const differing = (n: number) => ({ grant: { keys: [`k${n}`] } })

describe("exchanges in the audit log", () => {
  it.effect("EX1 an entry says who, from what, from where and what the token may, and nothing of the token", () => {
    const issuer = new Issuer()
    const { store, layer } = startWith(issuer)
    return Effect.gen(function* () {
      const { token: shown, key } = yield* create("publisher")
      const grant = { environments: ["staging"], topics: ["t/a"], keys: ["a.*"], kinds: ["config"] } as const
      const { token } = yield* exchange(yield* authenticate(shown), { grant, address: "192.0.2.7" })
      const ofJwt = yield* exchange(yield* authenticate(issuer.token("ann", MINUTE / 2)))
      const again = yield* exchange(yield* authenticate(ofJwt.token), { life: 2_000 })

      const [first, second, third] = store.exchanges
      assert.deepInclude(first, { configId: "", action: "token.exchange", performedBy: "robot" })
      assert.deepStrictEqual(first?.details, {
        ...{ keyId: key.id, by: "key", role: "publisher", ...grant },
        ...{ lifeMillis: MINUTE, until: MINUTE, address: "192.0.2.7" }
      })
      const { keyId, by, until, signer } = second!.details
      assert.deepStrictEqual([by, until, signer], ["jwt", MINUTE / 2, "one"])
      assert.match(String(keyId), /^jwt:/)
      assert.deepStrictEqual([third?.details["by"], third?.details["keyId"]], ["token", keyId])
      const said = JSON.stringify(store.exchanges, (_, it) => (typeof it === "bigint" ? String(it) : it))
      for (const one of [token, ofJwt.token, again.token]) {
        const [sealed = "", mark = ""] = one.slice("hrst_".length).split(".")
        for (const part of [sealed, mark, mark.slice(0, 16), "hrst_"]) assert.notInclude(said, part)
      }
      assert.notInclude(said, shown.split("_")[2]!)
    }).pipe(Effect.provide(layer))
  })

  it.effect("EX1 while the log can't be written there is no token, and afterwards there is an entry", () => {
    const { store, layer } = startWith(new Issuer())
    return Effect.gen(function* () {
      store.down = true
      for (let i = 0; i < 3; i++) isNamed(yield* Effect.flip(exchange(robot)), "DatabaseUnavailable")
      assert.isEmpty(store.exchanges)
      store.down = false
      assert.match((yield* exchange(robot)).token, /^hrst_/)
      assert.lengthOf(store.exchanges, 1)
    }).pipe(Effect.provide(layer))
  })

  it.effect("EX1 what is refused is no exchange", () => {
    const { store, layer } = startWith(new Issuer())
    return Effect.gen(function* () {
      isNamed(yield* Effect.flip(exchange(robot, { grant: { role: "admin" } })), "Forbidden")
      isNamed(yield* Effect.flip(exchange(robot, { life: 1 })), "InvalidInput")
      assert.isEmpty(store.exchanges)
    }).pipe(Effect.provide(layer))
  })

  it.effect("EX2 the same exchange needs one entry a minute; another key, grant, life, end or place another", () => {
    const { store, layer } = startWith(new Issuer())
    return Effect.gen(function* () {
      for (let i = 0; i < 100; i++) yield* exchange(robot)
      assert.lengthOf(store.exchanges, 1)
      yield* TestClock.adjust("59 seconds")
      yield* exchange(robot)
      assert.lengthOf(store.exchanges, 1)
      yield* exchange({ ...robot, keyId: "k2" })
      yield* exchange({ ...robot, name: "other" })
      yield* exchange({ ...robot, by: "token" })
      yield* exchange({ ...robot, until: 10 * MINUTE })
      yield* exchange(robot, differing(1))
      yield* exchange(robot, { life: 2 * MINUTE })
      yield* exchange(robot, { address: "192.0.2.7" })
      assert.lengthOf(store.exchanges, 8)
      yield* TestClock.adjust("1 second")
      yield* exchange(robot)
      assert.lengthOf(store.exchanges, 9)
    }).pipe(Effect.provide(layer))
  })

  it.effect("EX2 a principal writes at most 60 entries in any minute, and others go on", () => {
    const { store, layer } = startWith(new Issuer())
    return Effect.gen(function* () {
      let tried = 0
      const times: Array<number> = []
      for (let second = 0; second < 180; second++) {
        for (let i = 0; i < 2; i++) {
          const result = yield* Effect.result(exchange({ ...robot, keyId: `k${i}` }, differing(tried++)))
          if (result._tag === "Success") times.push(second)
          else {
            isNamed(result.failure, "RateLimited")
            assert.isAbove(result.failure.details?.["retryAfterMillis"] as number, 0)
          }
        }
        yield* TestClock.adjust("1 second")
      }
      for (const from of times) assert.isAtMost(times.filter((at) => at >= from && at < from + 60).length, 60)
      assert.isAbove(times.length, 100)
      assert.lengthOf(store.exchanges, times.length)
      for (let i = 0; i < 40; i++) yield* Effect.result(exchange(robot, differing(tried++)))
      const last = yield* Effect.flip(exchange(robot, differing(tried++)))
      assert.match((yield* exchange({ ...robot, name: "other" })).token, /^hrst_/)
      yield* TestClock.adjust(last.details?.["retryAfterMillis"] as number)
      yield* exchange(robot, differing(tried++))
    }).pipe(Effect.provide(layer))
  })

  it.effect(
    "EX1, EX2 of many at once one writes, none has a token before, and one that goes away takes nothing along",
    () =>
      Effect.gen(function* () {
        const entries: Array<ExchangeEntry> = []
        const [begun, written] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        const audit = Layer.succeed(ExchangeAudit, {
          append: (entry) =>
            Effect.suspend(() => {
              entries.push(entry)
              return Effect.andThen(Deferred.succeed(begun, undefined), Deferred.await(written))
            })
        })
        const keys = Layer.effect(ApiKeyStore, ApiKeyStore).pipe(Layer.provide(new FaultyKeys().layer))
        const layer = Access.layer({ pepper: "p", ratePerSecond: 1_000, burst: 1_000 }).pipe(
          Layer.provide([keys, audit, KeyHash.layer])
        )
        yield* Effect.gen(function* () {
          const first = yield* Effect.forkChild(exchange(robot))
          yield* Deferred.await(begun)
          const others = yield* Effect.forEach(Array.from({ length: 20 }), () => Effect.forkChild(exchange(robot)))
          yield* Fiber.interrupt(first)
          for (let i = 0; i < 20; i++) yield* Effect.yieldNow
          assert.isTrue(others.every((fiber) => fiber.pollUnsafe() === undefined))
          yield* Deferred.succeed(written, undefined)
          for (const fiber of others) assert.match((yield* Fiber.join(fiber)).token, /^hrst_/)
          assert.lengthOf(entries, 1)
        }).pipe(Effect.provide(layer))
      })
  )
})
