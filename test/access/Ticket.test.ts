import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { Access } from "../../src/access/Access.ts"
import { takenOut, ticketIn } from "../../src/access/Ticket.ts"
import { asAdmin, authenticate, create, start } from "./Harness.ts"

const HOUR = 3_600_000
/** Before anything of the services runs: the hours until then would be run through, second for second. */
const from =
  (time: number) =>
  <A, E, R>(test: Effect.Effect<A, E, R>) =>
    Effect.andThen(TestClock.setTime(time), test)
const ticketOf = (token: string, environment = "production") =>
  Effect.gen(function* () {
    const access = yield* Access
    return yield* access.ticketFor(yield* authenticate(token), environment)
  })
const by = (ticket: string, environment = "production") =>
  Effect.flatMap(Access, ({ byTicket }) => byTicket({ ticket, environment }))

describe("Ticket", () => {
  it.effect("TI1 it is its key's, for reading one environment, until the end of the next hour", () =>
    Effect.gen(function* () {
      const { token, key } = yield* create("admin", ["*"])
      const ticket = yield* ticketOf(token)

      assert.deepStrictEqual(yield* by(ticket), {
        keyId: key.id,
        name: "robot",
        role: "subscriber",
        topics: [],
        environments: ["production"]
      })
      yield* TestClock.setTime(102 * HOUR - 1)
      assert.strictEqual((yield* by(ticket)).keyId, key.id)
      yield* TestClock.setTime(102 * HOUR)
      assert.strictEqual((yield* Effect.flip(by(ticket))).name, "Unauthenticated")
      // Made by a node whose clock is a little ahead.
      yield* TestClock.setTime(99 * HOUR + 1)
      assert.strictEqual((yield* by(ticket)).keyId, key.id)
      yield* TestClock.setTime(98 * HOUR)
      assert.strictEqual((yield* Effect.flip(by(ticket))).name, "Unauthenticated")
    }).pipe(Effect.provide(start().layer), from(100 * HOUR + 1))
  )

  it.effect("TI1 it is worth nothing once its key is revoked, or where its key may not read", () =>
    Effect.gen(function* () {
      const access = yield* Access
      const { token, key } = yield* create("subscriber", ["staging"])
      assert.deepStrictEqual((yield* by(yield* ticketOf(token, "production"))).environments, [])
      const ticket = yield* ticketOf(token, "staging")
      assert.deepStrictEqual((yield* by(ticket, "staging")).environments, ["staging"])
      yield* access.revokeKey(key.id).pipe(asAdmin)
      assert.strictEqual((yield* Effect.flip(by(ticket, "staging"))).name, "Unauthenticated")
    }).pipe(Effect.provide(start().layer))
  )

  it.effect("TI2 within an hour it is the same text", () =>
    Effect.gen(function* () {
      const { token } = yield* create("viewer")
      const first = yield* ticketOf(token)
      yield* TestClock.setTime(101 * HOUR - 1)
      assert.strictEqual(yield* ticketOf(token), first)
      yield* TestClock.setTime(101 * HOUR)
      assert.notStrictEqual(yield* ticketOf(token), first)
    }).pipe(Effect.provide(start().layer), from(100 * HOUR))
  )

  it.effect("TI3 another environment, key, hour or mark makes it worthless, and the token is not in it", () =>
    Effect.gen(function* () {
      const { token } = yield* create("admin")
      const other = yield* create("admin", ["*"], null, "other")
      const ticket = yield* ticketOf(token)
      const [id = "", hour = "", mark = ""] = ticket.split(".")

      assert.notInclude(ticket, token.split("_")[2]!)
      for (const [wrong, environment] of [
        [ticket, "staging"],
        [`${other.key.id}.${hour}.${mark}`, "production"],
        [`${id}.${Number(hour) + 1}.${mark}`, "production"],
        [`${id}.${hour}.${mark.replace(/./, (c) => (c === "0" ? "1" : "0"))}`, "production"],
        [`${id}.${hour}.${mark.slice(1)}`, "production"],
        [token, "production"],
        ["", "production"]
      ] as const) {
        assert.strictEqual((yield* Effect.flip(by(wrong, environment))).name, "Unauthenticated", wrong)
      }
      assert.strictEqual((yield* Effect.flip(authenticate(`Ticket ${ticket}`))).name, "Unauthenticated")
    }).pipe(Effect.provide(start().layer), from(100 * HOUR))
  )

  it("TU1 it is taken out of a URL, wherever it stands there", () => {
    for (const [url, rest] of [
      ["/a?ticket=x.1.y", "/a"],
      ["/a?ticket=x.1.y&b=c", "/a?b=c"],
      ["/a?b=c&ticket=x.1.y", "/a?b=c"],
      ["/a?b=c&ticket=x.1.y&d=e", "/a?b=c&d=e"]
    ] as const)
      assert.deepStrictEqual(takenOut(url), [rest, "Ticket x.1.y"])
    assert.deepStrictEqual(takenOut("/a?b=ticket"), ["/a?b=ticket", undefined])
    assert.strictEqual(ticketIn("Ticket x.1.y"), "x.1.y")
    assert.isUndefined(ticketIn("Bearer x"))
  })
})
