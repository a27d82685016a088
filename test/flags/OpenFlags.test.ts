import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { OpenFlags, type OpenFlagsOptions, type Stranger } from "../../src/flags/OpenFlags.ts"
import { nearbyOf, openOf } from "../../src/node/Nearby.ts"
import { defaults } from "../../src/settings/Catalogue.ts"

const layer = (options: Partial<OpenFlagsOptions> = {}) =>
  OpenFlags.layer({
    anonymous: ["production"],
    near: false,
    anonymousPerSecond: 10,
    origins: [],
    shared: () => false,
    ...options
  })
const from = (address: string, host = "flags.example", headers: ReadonlyArray<string> = []): Stranger => ({
  address,
  host,
  came: (name) => headers.includes(name)
})
const admit = (stranger: Stranger, cost = 1) => Effect.flatMap(OpenFlags, ({ admit }) => admit(stranger, cost))

describe("OpenFlags", () => {
  it.effect("OK1 who has no key reads flags of the environments that are named, and nobody does where none is", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* admit(from("10.0.0.1")), {
        name: "anonymous",
        keyId: "",
        role: "subscriber",
        environments: ["production"],
        topics: [],
        address: "10.0.0.1"
      })
      const none = layer({ anonymous: [] })
      assert.isUndefined(yield* Effect.provide(admit(from("127.0.0.1", "localhost")), none))
      assert.isFalse(
        yield* Effect.provide(
          Effect.map(OpenFlags, ({ open }) => open),
          none
        )
      )
    }).pipe(Effect.provide(layer()))
  )

  it.effect("OK2 an address uses up its half, and leaves the other to others", () =>
    Effect.gen(function* () {
      yield* admit(from("10.0.0.1"), 10)
      const error = yield* Effect.flip(admit(from("10.0.0.1")))
      assert.deepStrictEqual([error.name, error.details?.["retryAfterMillis"]], ["RateLimited", 200])
      yield* admit(from("10.0.0.2"), 10)
      assert.strictEqual((yield* Effect.flip(admit(from("10.0.0.3")))).name, "RateLimited")
      yield* TestClock.adjust("1 second")
      yield* admit(from("10.0.0.3"), 5)
    }).pipe(Effect.provide(layer()))
  )

  it.effect("OK2 behind an address that many share they are limited in all", () =>
    Effect.gen(function* () {
      assert.notProperty(yield* admit(from("10.0.0.1"), 20), "address")
      assert.strictEqual((yield* Effect.flip(admit(from("10.0.0.1")))).name, "RateLimited")
    }).pipe(Effect.provide(layer({ shared: () => true })))
  )

  it.effect("OK3 where it was not asked for, only programs of this machine, and no proxy or renamed page of it", () =>
    Effect.gen(function* () {
      for (const [address, host] of [
        ["127.0.0.1", "localhost:8080"],
        ["127.0.0.1", "127.0.0.1"],
        ["::1", "[::1]:8080"]
      ] as const)
        assert.isDefined(yield* admit(from(address, host)), host)
      for (const stranger of [
        from("10.0.0.1", "localhost"),
        from("127.0.0.1", "flags.example"),
        from("127.0.0.1", "127.0.0.1.nip.io:8080"),
        from("127.0.0.1", ""),
        from("unknown", "localhost"),
        ...["forwarded", "x-forwarded-for", "x-forwarded-host", "via", "x-real-ip"].map((one) =>
          from("127.0.0.1", "localhost", [one])
        )
      ])
        assert.isUndefined(yield* admit(stranger), `${stranger.address} ${stranger.host}`)
    }).pipe(Effect.provide(layer({ near: true })))
  )

  it("OK3 that is a server for this machine alone, on the database that it brought along", () => {
    const { http, grpc, database, flags } = defaults
    const url = {} as NonNullable<typeof database.url>
    const everywhere = { host: "0.0.0.0" }
    assert.deepStrictEqual(nearbyOf({ http, grpc, database }), ["production"])
    for (const other of [
      { http: { ...http, ...everywhere }, grpc, database },
      { http, grpc: { ...grpc, ...everywhere }, database },
      { http, grpc, database: { ...database, url } }
    ])
      assert.deepStrictEqual(nearbyOf(other), [])
    const said = (anonymous: ReadonlyArray<string> | undefined, more: object = {}) =>
      openOf({ http, grpc, database, ...more, flags: { ...flags, anonymous } })
    assert.strictEqual(said(undefined), "flags of production, by programs of this machine")
    assert.strictEqual(said(["a", "b"]), "flags of a, b, by everybody who reaches it")
    assert.isUndefined(said([]))
    assert.isUndefined(said(undefined, { grpc: { ...grpc, ...everywhere } }))
  })
})
