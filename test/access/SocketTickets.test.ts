/** Tickets for streams: whose they are, how long and how often they are good. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as KeyHash from "../../layers/Crypto/access/KeyHash.ts"
import * as Shared from "../../layers/Memory/access/OpenTickets.ts"
import { Access } from "../../src/access/Access.ts"
import type { Identity } from "../../src/access/Identity.ts"
import { OpenTickets } from "../../src/access/OpenTickets.ts"
import * as SocketTicket from "../../src/access/SocketTicket.ts"
import { SocketTickets } from "../../src/access/SocketTickets.ts"
import { failure, type HeraldError } from "../../src/errors/HeraldError.ts"

const ann: Identity = { name: "ann", keyId: "k1", role: "subscriber", environments: ["production"], topics: ["t"] }
const state = { valid: true, narrowed: false, left: Number.POSITIVE_INFINITY }
const access = Layer.mock(Access, {
  attempted: (_, attempt) => attempt,
  stillValid: () => Effect.sync(() => state.valid),
  enter: (identity, door, cost) =>
    cost > state.left
      ? Effect.fail(failure("RateLimited", "too many"))
      : Effect.sync(() => {
          state.left -= cost
          return state.narrowed ? { ...identity, door } : identity
        })
})
const node = (run: string, pepper = "pepper", shared: Layer.Layer<never> = Layer.empty) =>
  SocketTickets.layer({ pepper, run }).pipe(Layer.provide([KeyHash.layer, access, shared]))
const open = (run: string, pepper?: string, shared?: Layer.Layer<never>) =>
  Effect.map(Layer.build(Layer.fresh(node(run, pepper, shared))), (built) => {
    const { give, take } = Context.get(built, SocketTickets)
    return { give, take: (ticket: string) => take(ticket, undefined) }
  })
const nameOf = <A>(taken: Effect.Effect<A, HeraldError>) =>
  Effect.match(taken, { onFailure: ({ name }) => name, onSuccess: () => "taken" })

describe("tickets for streams", () => {
  it.effect("XT1, XT3 give what was asked for with, once, and only as they were given", () =>
    Effect.gen(function* () {
      const { give, take } = yield* open("a")
      const { ticket, expiresAt } = yield* give(ann)
      assert.strictEqual(expiresAt, 30_000)
      assert.notInclude(ticket, "pepper")
      const [said = "", mark = ""] = ticket.slice(5).split(".")
      const claims = JSON.parse(Buffer.from(said, "base64url").toString())
      const forged = Buffer.from(JSON.stringify({ ...claims, identity: { ...ann, role: "admin" } })).toString(
        "base64url"
      )
      for (const wrong of [
        `hrtk_${forged}.${mark}`,
        `hrtk_${said}.${mark.replace(/^./, (c) => (c === "0" ? "1" : "0"))}`,
        `hrtk_${said}`,
        "hrtk_.",
        `hrtk_${"a".repeat(9_000)}.${mark}`
      ])
        assert.strictEqual(yield* nameOf(take(wrong)), "Unauthenticated")
      assert.strictEqual(yield* nameOf((yield* open("a", "another pepper")).take(ticket)), "Unauthenticated")
      const all = yield* Effect.all(
        Array.from({ length: 20 }, () => nameOf(take(ticket))),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(all.toSorted(), [...Array.from({ length: 19 }, () => "TicketUsed"), "taken"])
      assert.deepStrictEqual(yield* take((yield* give(ann)).ticket), ann)
    }).pipe(Effect.scoped)
  )

  it.effect("XT2 are good for 30 s", () =>
    Effect.gen(function* () {
      const { give, take } = yield* open("a")
      const [one, two] = [yield* give(ann), yield* give(ann)]
      yield* TestClock.adjust("29 seconds")
      assert.strictEqual(yield* nameOf(take(one.ticket)), "taken")
      yield* TestClock.adjust("1 seconds")
      assert.strictEqual(yield* nameOf(take(two.ticket)), "Unauthenticated")
    }).pipe(Effect.scoped)
  )

  it.effect("XT3 are taken by the node that gave them, or by any, where they share a store", () =>
    Effect.gen(function* () {
      const [a, b] = [yield* open("a"), yield* open("b")]
      const { ticket } = yield* a.give(ann)
      assert.strictEqual(yield* nameOf(b.take(ticket)), "TicketOfOther")
      assert.strictEqual(yield* nameOf(a.take(ticket)), "taken")

      const store = Context.get(yield* Layer.build(Shared.layer), OpenTickets)
      const sharing = Layer.succeed(OpenTickets, store)
      const [c, d] = [yield* open("c", "pepper", sharing), yield* open("d", "pepper", sharing)]
      const shared = yield* c.give(ann)
      assert.strictEqual(yield* nameOf(d.take(shared.ticket)), "taken")
      assert.strictEqual(yield* nameOf(c.take(shared.ticket)), "TicketUsed")
    }).pipe(Effect.scoped)
  )

  it.effect("XT3, UO2 are bound to their node while the store is away, and no shared one is taken meanwhile", () =>
    Effect.gen(function* () {
      const store = Context.get(yield* Layer.build(Shared.layer), OpenTickets)!
      let away = false
      const flaky = Layer.succeed(OpenTickets, {
        put: (id: string, millis: number) => (away ? Effect.succeed(false) : store.put(id, millis)),
        take: (id: string) => (away ? Effect.succeed("away" as const) : store.take(id))
      })
      const [a, b] = [yield* open("a", "pepper", flaky), yield* open("b", "pepper", flaky)]
      const before = yield* a.give(ann)
      away = true
      assert.strictEqual(yield* nameOf(a.take(before.ticket)), "TicketOfOther")
      const meanwhile = yield* a.give(ann)
      assert.strictEqual(yield* nameOf(b.take(meanwhile.ticket)), "TicketOfOther")
      assert.strictEqual(yield* nameOf(a.take(meanwhile.ticket)), "taken")
      away = false
      assert.strictEqual(yield* nameOf(a.take(meanwhile.ticket)), "TicketUsed")
      assert.strictEqual(yield* nameOf(b.take(before.ticket)), "taken")
    }).pipe(Effect.scoped)
  )

  it.effect("XT4 open nothing once their credential has ended", () =>
    Effect.gen(function* () {
      const { give, take } = yield* open("a")
      const { ticket } = yield* give(ann)
      state.valid = false
      assert.strictEqual(yield* nameOf(take(ticket)), "Unauthenticated")
      state.valid = true
      assert.strictEqual(yield* nameOf(take(ticket)), "TicketUsed")
    }).pipe(Effect.scoped)
  )

  it.effect(
    "XT5 XT6 say nothing of where they were asked for, and count where they open a stream, once they are known to",
    () =>
      Effect.gen(function* () {
        const { give, take } = yield* open("a")
        const asked: Identity = { ...ann, door: "http", address: "192.0.2.7", notes: ["sent"] }
        const [one, two, three] = [yield* give(asked), yield* give(asked), yield* give(asked)]
        const said = Buffer.from(one.ticket.slice(5).split(".")[0]!, "base64url").toString()
        assert.deepStrictEqual(JSON.parse(said).identity, ann)
        state.narrowed = true
        state.left = 1
        assert.strictEqual(yield* nameOf(take("hrtk_")), "Unauthenticated")
        assert.deepStrictEqual(yield* take(one.ticket), { ...ann, door: "websocket" })
        assert.strictEqual(yield* nameOf(take(one.ticket)), "TicketUsed")
        assert.strictEqual(yield* nameOf(take(two.ticket)), "RateLimited")
        Object.assign(state, { narrowed: false, left: Number.POSITIVE_INFINITY })
        assert.strictEqual(yield* nameOf(take(two.ticket)), "TicketUsed")
        assert.deepStrictEqual(yield* take(three.ticket), ann)
      }).pipe(Effect.scoped)
  )

  it.effect("XT5 of another version of Herald count where they open a stream too", () =>
    Effect.gen(function* () {
      const marks = {
        hash: (text: string) => `${"0".repeat(63)}${text.length % 10}`,
        equal: (a: string, b: string) => a === b
      }
      const its = { ...ann, door: "http", address: "192.0.2.7" }
      const said = Buffer.from(JSON.stringify({ id: "i", identity: its, until: 1, node: "a" })).toString("base64url")
      const text = `hrtk_${said}.${marks.hash(`ticket for a stream ${said}`)}`
      assert.deepStrictEqual(SocketTicket.read(text, marks)?.identity, ann)
    })
  )

  it.effect("XT3 are bounded while unused, and their room is free again when their time is over", () =>
    Effect.gen(function* () {
      const { give } = yield* open("a")
      for (let n = 0; n < 10_000; n++) yield* give(ann)
      assert.strictEqual(yield* nameOf(give(ann)), "ServerFull")
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(yield* nameOf(give(ann)), "taken")
      assert.strictEqual(yield* nameOf(give({ ...ann, topics: ["x".repeat(9_000)] })), "InvalidInput")
    }).pipe(Effect.scoped)
  )
})
