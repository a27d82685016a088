import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { makeSeal, type SealKey } from "../../../../layers/Crypto/seals/Seals.ts"
import { failure } from "../../../../src/errors/HeraldError.ts"

const key = (id: string): SealKey => ({ id, key: new Uint8Array(32).fill(Number(id)) })
const other = (seal: string) => seal.replace(/.$/, (last) => (last === "A" ? "Q" : "A"))

/** One place with keys, and nodes that read it. */
const place = () => {
  const held = { keys: [key("1")], reads: 0, fails: false }
  const node = makeSeal(
    Effect.suspend(() => {
      held.reads++
      return held.fails ? Effect.fail(failure("DatabaseUnavailable", "away")) : Effect.succeed([...held.keys])
    })
  )
  return { held, node }
}

describe("Seals", () => {
  it.effect("SE1 a seal is believed for its text and purpose by every node, and by nobody for any other", () =>
    Effect.gen(function* () {
      const { node } = place()
      const [a, b] = [yield* node, yield* node]
      const foreign = yield* makeSeal(Effect.succeed([{ id: "1", key: new Uint8Array(32).fill(9) }]))
      const seal = a.seal("lane", "text ü")

      assert.match(seal, /^1\.[A-Za-z0-9_-]{43}$/)
      assert.isTrue(b.genuine("lane", "text ü", seal))
      for (const [purpose, text, said] of [
        ["lane", "text u", seal],
        ["entry", "text ü", seal],
        ["lane", "text ü", other(seal)],
        ["lane", "text ü", ""],
        ["lane", "text ü", "1."],
        ["lane", "text ü", `${seal}x`],
        ["lane", "text ü", seal.replace("1.", "2.")],
        ["lane", "text ü", foreign.seal("lane", "text ü")]
      ] as const)
        assert.isFalse(b.genuine(purpose, text, said), said)
    }).pipe(Effect.scoped)
  )

  it.effect(
    "SK1 a new key seals at once, and is believed elsewhere as soon as it was met; one that is gone is not",
    () =>
      Effect.gen(function* () {
        const { held, node } = place()
        const old = yield* node
        yield* TestClock.adjust("10 seconds")
        held.keys = [key("1"), key("2")]
        const young = yield* node
        const [before, seal] = [old.seal("lane", "x"), young.seal("lane", "x")]
        assert.match(seal, /^2\./)
        assert.isTrue(young.genuine("lane", "x", before))
        assert.isFalse(old.genuine("lane", "x", seal))
        yield* TestClock.adjust("1 millis")
        assert.isTrue(old.genuine("lane", "x", seal))
        assert.match(old.seal("lane", "x"), /^2\./)
        held.keys = [key("2")]
        yield* TestClock.adjust("1 minute")
        assert.isFalse(old.genuine("lane", "x", before))
      }).pipe(Effect.scoped)
  )

  it.effect("SK1 seals of keys that nobody has cost one reading a second", () =>
    Effect.gen(function* () {
      const { held, node } = place()
      const seal = yield* node
      const forged = seal.seal("lane", "x").replace("1.", "7.")
      yield* TestClock.adjust("1 second")
      const before = held.reads
      for (let i = 0; i < 50; i++) {
        seal.genuine("lane", "x", forged)
        yield* TestClock.adjust("20 millis")
      }
      assert.isAtMost(held.reads - before, 2)
      const asked = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 100 }), () => seal.verify("lane", "x", forged), {
          concurrency: "unbounded"
        })
      )
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(new Set(yield* Fiber.join(asked)), new Set([false]))
      assert.isAtMost(held.reads - before, 4)
    }).pipe(Effect.scoped)
  )

  it.effect("SK2 whoever has to answer for foreign seals one after the other waits for none of them long", () =>
    Effect.gen(function* () {
      const { held, node } = place()
      const seal = yield* node
      const own = seal.seal("event", "x")
      const before = held.reads
      const asked = yield* Effect.forkChild(
        Effect.forEach(
          Array.from({ length: 40 }, (_, n) => own.replace("1.", `${n + 2}.`)),
          (forged) => seal.verify("event", "x", forged)
        )
      )
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(new Set(yield* Fiber.join(asked)), new Set([false]))
      assert.strictEqual(held.reads - before, 40) // each is asked for: its key may have been made just now

      const late = yield* Effect.forkChild(seal.verify("event", "x", own.replace("1.", "99.")))
      held.keys = [key("1"), key("99")]
      yield* TestClock.adjust("50 millis")
      assert.isFalse(yield* Fiber.join(late)) // known now, and not its seal
      assert.isTrue(seal.genuine("event", "x", seal.seal("event", "x")))
      assert.match(seal.seal("event", "x"), /^99\./)
    }).pipe(Effect.scoped)
  )

  it.effect("SE2 what can't be asked is not called forged: a key that was just made, or a database that is away", () =>
    Effect.gen(function* () {
      const { held, node } = place()
      const old = yield* node
      held.keys = [key("1"), key("2")]
      const young = yield* node
      const seal = young.seal("event", "x")
      const asked = yield* Effect.forkChild(old.verify("event", "x", seal)) // it was read within this second
      yield* TestClock.adjust("1 second")
      assert.isTrue(yield* Fiber.join(asked))
      held.fails = true
      const unknown = yield* Effect.forkChild(Effect.flip(old.verify("event", "x", seal.replace("2.", "3."))))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(unknown)).name, "DatabaseUnavailable")
      assert.isTrue(yield* old.verify("event", "x", seal))
    }).pipe(Effect.scoped)
  )
})
