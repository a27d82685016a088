import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { type Heard, hear, isLater, type Registers, shown, unheard } from "../../src/fleet/Facts.ts"

const PRESENT = "present"
const heard = (what: Heard["what"], version: number, at: number, changed: Partial<Heard> = {}): Heard => ({
  what,
  epoch: PRESENT,
  version,
  revision: BigInt(version),
  at,
  reason: "",
  lacks: false,
  life: 1,
  ...changed
})
const heardAll = (...all: ReadonlyArray<Heard>): Registers =>
  all.reduce((held, one) => hear(held, one, PRESENT), unheard)
const versions = (held: Registers, emptied = 0) => {
  const facts = shown(held, emptied, PRESENT)
  return [facts.sent?.version, facts.applied?.version, facts.rejected?.version, facts.problem?.version]
}

const Step = Schema.Struct({
  what: Schema.Literals(["sent", "applied", "rejected", "problem"]),
  version: Schema.Literals([1, 2, 3]),
  epoch: Schema.Literals([PRESENT, "former"]),
  at: Schema.Literals([1, 2, 3, 4, 5, 6, 7, 8])
})

describe("Facts", () => {
  it("FC2 what was applied stays while something later is sent or rejected, through a rejection and a rollback", () => {
    const steps: ReadonlyArray<readonly [Heard, ReadonlyArray<number | undefined>]> = [
      [heard("sent", 1, 1), [1, undefined, undefined, undefined]],
      [heard("applied", 1, 2), [1, 1, undefined, undefined]],
      [heard("sent", 2, 3), [2, 1, undefined, undefined]],
      [heard("rejected", 2, 4), [2, 1, 2, undefined]],
      [heard("applied", 2, 5), [2, 2, undefined, undefined]], // it could after all
      [heard("rejected", 2, 6), [2, undefined, 2, undefined]], // and took it back
      [heard("problem", 3, 7), [2, undefined, 2, 3]],
      [heard("sent", 4, 8), [4, undefined, 2, undefined]],
      [heard("applied", 4, 9), [4, 4, undefined, undefined]]
    ]
    let held = unheard
    for (const [one, expected] of steps) {
      held = hear(held, one, PRESENT)
      assert.deepStrictEqual(versions(held), expected, `${one.what} ${one.version}`)
    }
  })

  it("FC1 of a lost history nothing counts beside the present one, whatever its number and hour", () => {
    const lost = { epoch: "former" }
    const held = heardAll(
      heard("applied", 7, 1, lost),
      heard("rejected", 3, 2),
      heard("rejected", 9, 9, lost),
      heard("sent", 9, 9, lost)
    )
    assert.deepStrictEqual(versions(held), [9, 7, 3, undefined])
    assert.deepStrictEqual(versions(hear(held, heard("applied", 2, 3), PRESENT)), [9, 2, 3, undefined])
    assert.deepStrictEqual(versions(heardAll(heard("applied", 2, 3), heard("applied", 7, 9, lost)))[1], 2)
  })

  it("FC2 a client that comes without a key has left it; what it applied in that life is not left", () => {
    const held = heardAll(heard("applied", 1, 1))
    assert.deepStrictEqual(versions(held, 2)[1], undefined)
    const without = hear(held, heard("sent", 2, 2, { lacks: true, life: 2 }), PRESENT)
    assert.deepStrictEqual(versions(without), [2, undefined, undefined, undefined])
    const again = hear(without, heard("applied", 2, 3, { life: 2 }), PRESENT)
    assert.deepStrictEqual(versions(again, 2), [2, 2, undefined, undefined])
    assert.deepStrictEqual(versions(hear(again, heard("sent", 2, 2, { lacks: true, life: 2 }), PRESENT), 2)[1], 2)
  })

  it.effect.prop(
    "FC1 FC3 in whatever order it is heard, and however often, the same is known: of each kind the latest",
    [Schema.Array(Step)],
    ([steps]) =>
      Effect.sync(() => {
        const unique = new Map(steps.map((step) => [`${step.what} ${step.epoch} ${step.version}`, step] as const))
        const all = [...unique.values()].map(({ what, version, epoch, at }) => heard(what, version, at, { epoch }))
        const inOrder = heardAll(...all)
        assert.deepStrictEqual(heardAll(...all.toReversed()), inOrder)
        assert.deepStrictEqual(heardAll(...all, ...all), inOrder)
        for (const what of ["sent", "applied", "rejected", "problem"] as const) {
          const known = inOrder[what]
          for (const { what: of, lacks, life, ...fact } of all)
            if (of === what) assert.isTrue(isLater(known, fact, PRESENT), what)
        }
        const facts = shown(inOrder, 0, PRESENT)
        if (facts.rejected !== undefined && facts.applied !== undefined)
          assert.isTrue(isLater(facts.rejected, facts.applied, PRESENT))
        const { applied, rejected } = inOrder
        const takenBack = applied?.epoch === rejected?.epoch && applied?.revision === rejected?.revision
        if (applied !== undefined && !takenBack) assert.deepStrictEqual(facts.applied, applied) // FC2
      }),
    { arbitrary: { runs: 500 } }
  )
})
