import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Latch } from "effect"
import { TestClock } from "effect/testing"
import { digestOf } from "../../../../layers/Crypto/values/Sha256.ts"
import { AckOutcome, UpdateKind } from "../../../../proto/generated/herald/distribution/v1/distribution.ts"
import { OpenTransport } from "../../../../src/cli/verbs/sessions/Stream.ts"
import { catalogue } from "../../../../src/errors/Catalogue.ts"
import { FakeTransport } from "../../../support/FakeTransport.ts"
import { deleted, synced, value } from "../../../support/Said.ts"
import { type TerminalOptions, terminal } from "../../../support/Terminal.ts"
import { turn, until } from "../../../support/turn.ts"

/** `herald subscribe` over a transport and a clock that the test holds. */
const subscribed = (...args: ReadonlyArray<string>) => subscribedBy({}, ...args)

const subscribedBy = Effect.fnUntraced(function* (options: TerminalOptions, ...args: ReadonlyArray<string>) {
  const transport = new FakeTransport()
  const cli = terminal(options)
  const fiber = yield* cli.effect("subscribe", "shop", "--output", "json", "--instance", "i1", ...args).pipe(
    Effect.provideService(OpenTransport, async () => ({
      transport,
      digest: (content: Uint8Array) => digestOf(Buffer.from(content).toString())
    })),
    Effect.forkChild
  )
  const seen = (condition: () => boolean) => Effect.promise(() => until(condition))
  yield* seen(() => transport.streams.length === 1)
  const shown = () => cli.out.map((line) => JSON.parse(line))
  /** Ends the stream and waits for the next one, as long as that takes by the clock. */
  const again = Effect.fnUntraced(function* (end: Effect.Effect<void>) {
    const count = transport.streams.length
    yield* end
    while (transport.streams.length === count) {
      yield* Effect.promise(turn)
      yield* TestClock.adjust("1 second")
    }
  })
  const lose = again(Effect.sync(() => transport.end()))
  return { transport, cli, fiber, seen, shown, again, lose }
})

describe("subscribe", () => {
  it.effect("asks as a client of the service, shows each update and answers it", () =>
    Effect.gen(function* () {
      const { transport, cli, seen, shown } = yield* subscribed(
        ...["--env", "staging", "--keys", "shop, shared.*", "--label", "region=eu", "--label", "zone=1"]
      )
      const { hello } = transport.last
      assert.deepStrictEqual(
        [hello.serviceName, hello.instanceId, hello.environment, hello.keys, hello.metadata, hello.control],
        ["shop", "i1", "staging", ["shop", "shared.*"], { region: "eu", zone: "1" }, true]
      )
      transport.say(value("shop", 1, { a: 1 }, { environment: "staging", committedAtMs: 5n }))
      transport.say(synced(1))
      transport.say(deleted("shop", 2))
      yield* seen(() => transport.acks.length === 2)

      assert.deepStrictEqual(shown()[0], {
        event: "update",
        key: "shop",
        environment: "staging",
        version: 1,
        revision: 1,
        epoch: "e1",
        format: "json",
        content: '{"a":1}',
        digest: digestOf('{"a":1}'),
        previousVersion: null,
        stale: false,
        strict: false,
        committedAt: 5,
        committedTime: "1970-01-01T00:00:00.005Z"
      })
      assert.deepStrictEqual([shown()[1].event, shown()[1].previousVersion], ["deleted", 1])
      assert.isTrue(transport.acks.every(({ outcome }) => outcome === AckOutcome.ACK_OUTCOME_APPLIED))
      assert.deepStrictEqual(cli.err, ["connected to 127.0.0.1:50051 as i1: 1 key, up to date"])
    })
  )

  it.effect("CS1 what was shown is told on reconnect, what was deleted is not", () =>
    Effect.gen(function* () {
      const { transport, seen, lose, cli } = yield* subscribed()
      transport.say(value("shop", 1, "a"))
      transport.say(value("shop.gone", 2, "b"))
      transport.say(deleted("shop.gone", 3))
      transport.say(value("shop", 4, "c"))
      transport.say(synced(4))
      yield* seen(() => cli.err.length === 1)
      yield* lose

      assert.deepStrictEqual(transport.last.hello.held, [
        { key: "shop", digest: digestOf('"c"'), revision: 4n, sha256: Buffer.alloc(0) }
      ])
      transport.say(synced(4))
      yield* seen(() => cli.said.includes("connected again: 1 key, up to date"))
      assert.strictEqual(cli.out.length, 4)
    })
  )

  it.effect("CS1 a stream that broke while keys were on their way claims no position that covers them", () =>
    Effect.gen(function* () {
      const { transport, seen, lose } = yield* subscribed()
      transport.say(value("shop.b", 5, "newer"))
      yield* seen(() => transport.acks.length === 1)
      yield* lose

      assert.isUndefined(transport.last.hello.position)
      assert.deepStrictEqual(
        transport.last.hello.held.map(({ key }) => key),
        ["shop.b"]
      )
    })
  )

  it.effect("CS2 a content whose digest is wrong is rejected, not shown, and asked for again", () =>
    Effect.gen(function* () {
      const { transport, seen, lose, cli } = yield* subscribed()
      transport.say(value("shop", 1, "good"))
      transport.say(value("shop", 2, "bad", { digest: digestOf("other") }))
      transport.say(value("shop.x", 3, "good"))
      yield* seen(() => transport.acks.length === 3)

      assert.deepStrictEqual(
        transport.acks.map(({ revision, outcome, reason }) => [revision, outcome, reason]),
        [
          [1n, AckOutcome.ACK_OUTCOME_APPLIED, ""],
          [2n, AckOutcome.ACK_OUTCOME_REJECTED, "the digest of the content is wrong"],
          [3n, AckOutcome.ACK_OUTCOME_APPLIED, ""]
        ]
      )
      assert.strictEqual(cli.out.length, 2)
      assert.include(cli.said, "shop version 2 is damaged")
      yield* lose
      assert.deepStrictEqual(transport.last.hello.held[0], {
        key: "shop",
        digest: digestOf('"good"'),
        revision: 1n,
        sha256: Buffer.alloc(0)
      })
    })
  )

  it.effect("CS3 a silent stream is cut and opened again; a heartbeat is no silence", () =>
    Effect.gen(function* () {
      const { transport, cli, seen, again } = yield* subscribed()
      transport.say(synced(0))
      yield* seen(() => cli.err.length === 1)
      yield* TestClock.adjust("60 seconds")
      assert.strictEqual(transport.last.sent.filter(({ heartbeat }) => heartbeat).length, 2)
      transport.say({ kind: UpdateKind.UPDATE_KIND_HEARTBEAT })
      for (let i = 0; i < 3; i++) yield* Effect.promise(turn)
      yield* TestClock.adjust("89999 millis")
      assert.isTrue(transport.last.open)
      assert.strictEqual(cli.err.length, 1)

      yield* again(
        TestClock.adjust("1 millis").pipe(
          Effect.andThen(seen(() => cli.said.includes("disconnected: the server went silent; reconnecting in")))
        )
      )
      assert.isFalse(transport.streams[0]?.open)
    })
  )

  it.effect("CS4 a terminal that takes nothing holds the stream, and nothing is lost when it goes on", () =>
    Effect.gen(function* () {
      const reader = yield* Latch.make(false)
      const { transport, seen, shown } = yield* subscribedBy({ reader: reader.await })
      const large = "x".repeat(300_000)
      transport.say(value("shop", 1, 1))
      for (let n = 2; n <= 4; n++) transport.say(value("shop", n, large))
      yield* Effect.promise(turn)
      assert.isFalse(transport.last.held)
      for (let n = 5; n <= 6; n++) transport.say(value("shop", n, large))
      assert.isTrue(transport.last.held)
      yield* reader.open
      yield* seen(() => !transport.last.held)
      transport.say(value("shop", 7, "last"))
      yield* seen(() => shown().length === 7)
      assert.deepStrictEqual(
        shown().map(({ version }) => version),
        [1, 2, 3, 4, 5, 6, 7]
      )
    })
  )

  it.effect("a server that leaves says when to come back", () =>
    Effect.gen(function* () {
      const { transport, cli, seen } = yield* subscribed()
      transport.say(synced(0))
      transport.say({ kind: UpdateKind.UPDATE_KIND_DRAIN, reconnectAfterMs: 4_000 })
      yield* seen(() => cli.said.includes("the server is leaving"))
      transport.end({ message: "HRLD-5003: the server is shutting down" })
      yield* seen(() => cli.said.includes("disconnected: the server is shutting down; reconnecting in 4.0 s"))
      yield* Effect.promise(turn)
      yield* TestClock.adjust("3999 millis")
      assert.strictEqual(transport.streams.length, 1)
      yield* TestClock.adjust("1 millis")
      yield* seen(() => transport.streams.length === 2)
    })
  )

  it.effect("a key that can't be delivered is said, and steers no terminal", () =>
    Effect.gen(function* () {
      const { transport, cli, seen } = yield* subscribed()
      transport.say({ kind: UpdateKind.UPDATE_KIND_PROBLEM, key: "shop", message: "{{zone}} is missing\u001b[2J" })
      yield* seen(() => cli.err.length === 1)

      assert.strictEqual(cli.said, "shop can't be delivered to this client: {{zone}} is missing\\u001b[2J")
    })
  )

  for (const [name, ended, exit] of [
    ["Unauthenticated", { status: 16, code: catalogue.Unauthenticated.code }, 6],
    ["SessionReplaced", { status: 10, code: catalogue.SessionReplaced.code }, catalogue.SessionReplaced.exit],
    ["InvalidKey", { status: 3, code: catalogue.InvalidKey.code }, 2]
  ] as const) {
    it.effect(`${name} ends it for good, with the catalogue's exit code`, () =>
      Effect.gen(function* () {
        const { transport, cli, fiber } = yield* subscribed()
        transport.end({ ...ended, message: `${ended.code}: so it is` })

        assert.strictEqual(yield* Fiber.join(fiber), exit)
        assert.include(cli.said, ended.code)
        assert.include(cli.said, "so it is")
        assert.strictEqual(transport.streams.length, 1)
      })
    )
  }

  it.effect("a server that isn't running is said at once, one that is no Herald too", () =>
    Effect.gen(function* () {
      const refused = yield* subscribed()
      refused.transport.end({ message: "No connection established. ECONNREFUSED 127.0.0.1:50051" })
      assert.strictEqual(yield* Fiber.join(refused.fiber), 7)
      assert.include(
        refused.cli.said,
        "Start it with `npx herald start`, or give its address with --grpc or HERALD_GRPC"
      )

      const other = yield* subscribed()
      other.transport.end({ status: 12, message: "unknown service" })
      assert.strictEqual(yield* Fiber.join(other.fiber), 7)
      assert.include(other.cli.said, "it is not Herald's gRPC port")
    })
  )
})
