/** What wrong API keys cost, by the hashes that are made for them. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as Crypto from "../../layers/Crypto/access/KeyHash.ts"
import { Access } from "../../src/access/Access.ts"
import { CurrentIdentity } from "../../src/access/Identity.ts"
import { KeyHash } from "../../src/access/KeyHash.ts"
import { SocketTickets } from "../../src/access/SocketTickets.ts"
import { FaultyKeys } from "../support/FaultyKeys.ts"
import { create } from "./Harness.ts"

const started = () => {
  const count = { hashes: 0 }
  const counting = Layer.effect(
    KeyHash,
    Effect.map(KeyHash, (real) => ({
      ...real,
      hash: (pepper: string, secret: string) => {
        count.hashes++
        return real.hash(pepper, secret)
      }
    }))
  ).pipe(Layer.provide(Crypto.layer))
  const options = {
    pepper: "p",
    ratePerSecond: 1_000,
    burst: 1_000,
    shared: (address: string) => address === "10.0.0.1"
  }
  const layer = Access.layer(options).pipe(Layer.provide([new FaultyKeys().layer, counting]))
  return { count, layer }
}

const show = (token: string, address: string) =>
  Effect.flatMap(Access, ({ authenticate }) => authenticate({ token, address }))
let guesses = 0
const guess = (id = String(++guesses).padStart(16, "0")) => `hrld_${id}_${"f".repeat(64)}`
const wrong = (address: string, token = guess()) => Effect.map(Effect.flip(show(token, address)), ({ name }) => name)

describe("wrong API keys", () => {
  it.effect("A10 after 20 of an address no hash is made for a key of it, whichever, and for others it is", () => {
    const { count, layer } = started()
    return Effect.gen(function* () {
      const { recognise } = yield* (yield* Access).atOnce
      const [seen, unseen] = [yield* create("viewer"), yield* create("viewer")]
      yield* show(seen.token, "192.0.2.1")
      for (let i = 0; i < 20; i++) assert.strictEqual(yield* wrong("192.0.2.1"), "Unauthenticated")
      const before = count.hashes
      assert.isAtLeast(before, 21)

      for (let i = 0; i < 50; i++) assert.strictEqual(yield* wrong("192.0.2.1"), "RateLimited")
      assert.strictEqual(yield* wrong("192.0.2.1", unseen.token), "RateLimited")
      assert.isUndefined(recognise({ token: guess(unseen.key.id), address: "192.0.2.1" }))
      assert.strictEqual((yield* show(seen.token, "192.0.2.1")).keyId, seen.key.id)
      assert.strictEqual(recognise({ token: seen.token, address: "192.0.2.1" })?.keyId, seen.key.id)
      assert.strictEqual(count.hashes, before)

      assert.strictEqual((yield* show(unseen.token, "192.0.2.2")).keyId, unseen.key.id)
      assert.isAbove(count.hashes, before)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* wrong("192.0.2.1"), "Unauthenticated")
      assert.strictEqual(yield* wrong("192.0.2.1"), "RateLimited")
    }).pipe(Effect.provide(layer))
  })

  it.effect("A10 wrong service tokens and tickets have a limit of their own, and what was right before gets in", () => {
    const { count, layer } = started()
    return Effect.gen(function* () {
      const access = yield* Access
      const { recognise } = yield* access.atOnce
      const { token } = yield* create("publisher")
      const identity = yield* show(token, "192.0.2.1")
      const exchanged = (life: number) =>
        Effect.provideService(access.exchange({ life, grant: {} }), CurrentIdentity, identity)
      const [seen, noticed, unseen] = [yield* exchanged(60_000), yield* exchanged(70_000), yield* exchanged(80_000)]
      const ticket = yield* access.ticketFor(identity, "production")
      const open = (ticket: string, address: string) =>
        access
          .byTicket({ ticket, environment: "production", address })
          .pipe(Effect.match({ onFailure: ({ name }) => name, onSuccess: ({ name }) => name }))
      yield* show(seen.token, "192.0.2.1")
      assert.isDefined(recognise({ token: noticed.token, address: "192.0.2.1" }))
      assert.strictEqual(yield* open(ticket, "192.0.2.1"), "robot")
      const mark = "f".repeat(64)
      for (let i = 0; i < 500; i++)
        assert.strictEqual(yield* wrong("192.0.2.1", `hrst_a${i}.${mark}`), "Unauthenticated")
      for (let i = 0; i < 250; i++)
        assert.strictEqual(yield* open(`k.${i}.${mark.slice(32)}`, "192.0.2.1"), "Unauthenticated")
      for (let i = 0; i < 250; i++)
        assert.isUndefined(yield* access.attempted("192.0.2.1", Effect.undefined), "of whatever else has such a hash")

      const before = count.hashes
      for (const shown of [`hrst_b.${mark}`, unseen.token])
        assert.strictEqual(yield* wrong("192.0.2.1", shown), "RateLimited")
      assert.isUndefined(recognise({ token: unseen.token, address: "192.0.2.1" }))
      assert.strictEqual(yield* open(`k.9.${mark.slice(32)}`, "192.0.2.1"), "RateLimited")
      assert.strictEqual(
        (yield* Effect.flip(access.attempted("192.0.2.1", Effect.die("it is not made")))).name,
        "RateLimited"
      )
      assert.strictEqual(count.hashes, before)
      for (const { token } of [seen, noticed]) {
        assert.strictEqual((yield* show(token, "192.0.2.1")).name, "robot")
        assert.isDefined(recognise({ token, address: "192.0.2.1" }))
      }
      assert.strictEqual(yield* open(ticket, "192.0.2.1"), "robot")
      assert.strictEqual((yield* show(unseen.token, "192.0.2.2")).name, "robot")
      assert.strictEqual(yield* wrong("192.0.2.1"), "Unauthenticated")
      assert.strictEqual((yield* show((yield* create("viewer")).token, "192.0.2.1")).role, "viewer")
    }).pipe(Effect.provide(layer))
  })

  it.effect("A10 a ticket whose time is over was right, and keeps nobody out", () => {
    const { layer } = started()
    return Effect.gen(function* () {
      const access = yield* Access
      const { token, key } = yield* create("publisher")
      const ticket = yield* access.ticketFor(yield* show(token, "192.0.2.2"), "production")
      yield* TestClock.adjust("3 hours")
      for (let i = 0; i < 40; i++)
        assert.strictEqual(
          (yield* Effect.flip(access.byTicket({ ticket, environment: "production", address: "192.0.2.1" }))).name,
          "Unauthenticated"
        )
      assert.strictEqual((yield* show(token, "192.0.2.1")).keyId, key.id)
    }).pipe(Effect.provide(layer))
  })

  it.effect("A10 XT2 nor does a socket's, however often a page shows it", () => {
    const { layer } = started()
    const sockets = SocketTickets.layer({ pepper: "p", run: "a" }).pipe(
      Layer.provideMerge(layer),
      Layer.provide(Crypto.layer)
    )
    return Effect.gen(function* () {
      const { give, take } = yield* SocketTickets
      const { token } = yield* create("publisher")
      const identity = yield* show(token, "192.0.2.2")
      const { ticket } = yield* give(identity)
      yield* TestClock.adjust("31 seconds")
      for (let i = 0; i < 1_200; i++)
        assert.strictEqual((yield* Effect.flip(take(ticket, "192.0.2.1"))).name, "Unauthenticated")
      assert.strictEqual((yield* take((yield* give(identity)).ticket, "192.0.2.1")).name, identity.name)
    }).pipe(Effect.provide(sockets))
  })

  it.effect("A10 HP4 who has a network of IPv6 is limited as one address", () => {
    const { layer } = started()
    return Effect.gen(function* () {
      for (let i = 0; i < 20; i++) assert.strictEqual(yield* wrong(`2001:db8:1:2::${i}`), "Unauthenticated")
      for (let i = 20; i < 40; i++) assert.strictEqual(yield* wrong(`2001:db8:1:2::${i}`), "RateLimited")
      assert.strictEqual(yield* wrong("2001:db8:1:3::1"), "Unauthenticated")
    }).pipe(Effect.provide(layer))
  })

  it.effect("A10 an address that many share is not limited", () => {
    const { layer } = started()
    return Effect.gen(function* () {
      for (let i = 0; i < 50; i++) assert.strictEqual(yield* wrong("10.0.0.1"), "Unauthenticated")
    }).pipe(Effect.provide(layer))
  })
})
