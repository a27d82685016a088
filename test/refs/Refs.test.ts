import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as Memory from "../../layers/Memory/Memory.ts"
import { CurrentIdentity, type Identity } from "../../src/access/Identity.ts"
import { KEPT_MILLIS, REFS } from "../../src/refs/Ref.ts"
import { Refs } from "../../src/refs/Refs.ts"

const layer = Refs.layer.pipe(Layer.provide(Memory.layer))
const who = (role: Identity["role"], environments = ["production"]): Identity => ({
  name: "ann",
  keyId: "k",
  role,
  environments
})
const as = (identity: Identity) => Effect.provideService(CurrentIdentity, identity)
const source = { repository: "github.com/acme/shop", branch: "main", commit: "" }
const ref = { flag: "a", file: "src/x.ts", line: 1 }

describe("Refs", () => {
  it.effect("who may write where tells, who may read is told", () =>
    Effect.gen(function* () {
      const { replace, of, scans, remove } = yield* Refs
      const refusal = <A, E extends { readonly name: string }>(effect: Effect.Effect<A, E>) =>
        Effect.map(Effect.flip(effect), ({ name }) => name)
      yield* replace("production", source, [ref]).pipe(as(who("publisher")))
      assert.strictEqual(yield* refusal(replace("production", source, [ref]).pipe(as(who("viewer")))), "Forbidden")
      assert.strictEqual(yield* refusal(remove("staging", source).pipe(as(who("publisher")))), "Forbidden")
      assert.strictEqual(yield* refusal(of("staging", "a", 10).pipe(as(who("viewer")))), "Forbidden")
      assert.strictEqual(yield* refusal(scans("staging").pipe(as(who("viewer")))), "Forbidden")
      assert.strictEqual((yield* of("production", "a", 10).pipe(as(who("viewer"))))[0]!.file, "src/x.ts")
    }).pipe(Effect.provide(layer))
  )

  it.effect(
    "AO1 a flag's places are for whoever may touch it; scans, which tell of any flag, for whoever may touch all",
    () =>
      Effect.gen(function* () {
        const { replace, of, scans, remove } = yield* Refs
        const rule = <A, E extends { readonly details?: Record<string, unknown> }>(effect: Effect.Effect<A, E>) =>
          Effect.map(Effect.flip(effect), ({ details }) => details?.["rule"])
        const narrow = { ...who("publisher"), keys: ["a", "b.*"], kinds: ["flag"] as const }
        const whole = { ...who("publisher"), kinds: ["flag"] as const }
        yield* replace("production", source, [ref]).pipe(as(whole))
        assert.strictEqual((yield* of("production", "a", 10).pipe(as(narrow))).length, 1)
        assert.strictEqual(yield* rule(of("production", "c", 10).pipe(as(narrow))), "keys")
        assert.strictEqual(yield* rule(of("production", "a", 10).pipe(as({ ...narrow, kinds: ["config"] }))), "kinds")
        for (const act of [replace("production", source, [ref]), remove("production", source), scans("production")])
          assert.strictEqual(yield* rule(Effect.asVoid(act).pipe(as(narrow))), "keys")
        assert.strictEqual((yield* scans("production").pipe(as(whole))).length, 1)
        yield* remove("production", source).pipe(as(whole))
      }).pipe(Effect.provide(layer))
  )

  it.effect("RK2 what is not told anew for long is not shown any more; a scan is bounded, and holds no secret", () =>
    Effect.gen(function* () {
      const { replace, of, scans } = yield* Refs
      const refusal = (changed: object, refs: ReadonlyArray<typeof ref> = [ref]) =>
        Effect.map(Effect.flip(replace("production", { ...source, ...changed }, refs)), ({ name }) => name)
      for (const repository of [
        "",
        "x".repeat(201),
        "https://ann:secret@host/x",
        "https://token@host/x",
        "ann:secret@host:x",
        "a\nb"
      ])
        assert.strictEqual(yield* refusal({ repository }), "InvalidInput", repository)
      assert.strictEqual(yield* refusal({ branch: "" }), "InvalidInput")
      for (const wrong of [{ line: 0 }, { line: 1.5 }, { file: "a\u0000b" }, { file: "" }, { flag: "x".repeat(101) }])
        assert.strictEqual(yield* refusal({}, [{ ...ref, ...wrong }]), "InvalidInput")
      assert.strictEqual(
        yield* refusal(
          {},
          Array.from({ length: REFS + 1 }, () => ref)
        ),
        "TooLarge"
      )

      yield* replace("production", { ...source, repository: "git@github.com:acme/shop" }, [ref])
      yield* TestClock.adjust(KEPT_MILLIS)
      assert.deepStrictEqual(yield* of("production", "a", 10), [])
      assert.deepStrictEqual(yield* scans("production"), [])
      yield* replace("production", source, [ref])
      assert.strictEqual((yield* scans("production")).length, 1)
    }).pipe(as(who("publisher")), Effect.provide(layer))
  )
})
