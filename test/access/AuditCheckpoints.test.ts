import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Metric, Result } from "effect"
import { TestClock } from "effect/testing"
import * as KeyHash from "../../layers/Crypto/access/KeyHash.ts"
import { AccessTables } from "../../layers/Memory/access/AccessTables.ts"
import * as Memory from "../../layers/Memory/Memory.ts"
import { State } from "../../layers/Memory/State.ts"
import { verifyAudit } from "../../src/access/Audit.ts"
import { AuditCheckpoints } from "../../src/access/AuditCheckpoints.ts"
import { lineOf, thinned } from "../../src/access/Checkpoint.ts"
import { CheckpointStore } from "../../src/access/CheckpointStore.ts"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import { failure } from "../../src/errors/HeraldError.ts"
import { Degraded } from "../../src/telemetry/Degraded.ts"
import * as PerNode from "../../src/telemetry/PerNode.ts"

/** Its checkpoints outlast the service. */
class File {
  lines: ReadonlyArray<string> = []
  readonly layer = Layer.succeed(CheckpointStore, {
    read: Effect.sync(() => this.lines),
    append: (line: string) =>
      Effect.sync(() => {
        this.lines = [...this.lines, line]
      }),
    replace: (lines: ReadonlyArray<string>) =>
      Effect.sync(() => {
        this.lines = lines
      })
  })
}

const note = (state: State, who = "ann") =>
  state.tables(AccessTables).append({ configId: "", action: "test", performedBy: who, details: {}, createdAt: 0 })

const on = (state: State, file: Pick<File, "layer">, pepper = "pepper") =>
  Layer.fresh(AuditCheckpoints.layer({ pepper })).pipe(
    Layer.provide(Layer.merge(file.layer, KeyHash.layer)),
    Layer.provide(Memory.layerOn(state))
  )
const compare = Effect.flatMap(AuditCheckpoints, (checkpoints) => checkpoints.compare([]))
const ids = (file: File) => file.lines.map((line) => line.split(" ")[1])
const broken = Effect.map(Metric.snapshot, (metrics) => metrics.find(({ id }) => id === "herald_audit_broken")?.state)

describe("AuditCheckpoints", () => {
  it.effect("DG2 a checkpoint that can't be kept is gone without, until one can", () => {
    const [state, file] = [new State(), new File()]
    let full = true
    const disk = Layer.effect(
      CheckpointStore,
      Effect.map(CheckpointStore, (kept) => ({
        ...kept,
        append: (line: string) =>
          Effect.suspend(() => (full ? Effect.fail(failure("Internal", "no space left on device")) : kept.append(line)))
      }))
    ).pipe(Layer.provide(file.layer))
    return Effect.gen(function* () {
      const degraded = yield* Degraded
      note(state)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([...degraded], ["audit"])
      full = false
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([...degraded], [])
      assert.deepStrictEqual(ids(file), ["1"])
    }).pipe(Effect.provide(on(state, { layer: disk })), Effect.provide(PerNode.layer), Effect.scoped)
  })

  it.effect("AC4 the end of the log is signed when it has moved, and only then", () => {
    const [state, file] = [new State(), new File()]
    return Effect.gen(function* () {
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(ids(file), [])
      note(state)
      note(state)
      yield* TestClock.adjust("1 minute")
      note(state)
      yield* TestClock.adjust("1 minute")

      assert.deepStrictEqual(ids(file), ["2", "3"])
      assert.deepInclude(yield* compare, { checked: 2, unsigned: 0, problem: undefined })
    }).pipe(Effect.provide(on(state, file)), Effect.scoped)
  })

  it.effect(
    "AC3 what a server finds when it starts again is compared with what it signed before, and not signed",
    () => {
      const [state, file] = [new State(), new File()]
      return Effect.gen(function* () {
        for (let i = 0; i < 5; i++) note(state)
        yield* Effect.scoped(Effect.provide(TestClock.adjust("1 minute"), on(state, file)))
        assert.deepStrictEqual(ids(file), ["5"])
        const [whole, other] = [new State(), new State()]
        for (let i = 0; i < 8; i++) {
          note(whole)
          note(other, i === 2 ? "mallory" : "ann")
        }
        const short = new State()
        note(short)
        const told = (one: State) =>
          Effect.gen(function* () {
            yield* TestClock.adjust("1 minute")
            return (yield* compare).problem?.kind
          }).pipe(Effect.provide(on(one, file)), Effect.scoped)

        assert.strictEqual(yield* told(other), "rewritten")
        assert.strictEqual(yield* told(short), "truncated")
        assert.strictEqual(yield* told(new State()), "truncated")
        assert.deepStrictEqual(ids(file), ["5"])
        assert.deepInclude(yield* broken, { value: 1 })
        assert.isUndefined(yield* told(whole))
        assert.deepStrictEqual(ids(file), ["5", "8"])
        assert.deepInclude(yield* broken, { value: 0 })
      }).pipe(Effect.provide(PerNode.layer))
    }
  )

  it.effect("AC1 with another pepper nothing is claimed of what was signed before", () => {
    const [state, file] = [new State(), new File()]
    return Effect.gen(function* () {
      note(state)
      yield* Effect.scoped(Effect.provide(TestClock.adjust("1 minute"), on(state, file, "another")))
      assert.deepInclude(yield* Effect.provide(compare, on(new State(), file)), {
        checked: 0,
        unsigned: 1,
        problem: undefined
      })
    }).pipe(Effect.scoped)
  })

  it.effect("AC1 a line that is to be compared and was not signed is refused, not taken for proof", () => {
    const [state, file] = [new State(), new File()]
    const check = (checkpoint: string) =>
      verifyAudit({ checkpoint }).pipe(
        Effect.provideService(CurrentIdentity, system),
        Effect.provide(Memory.layerOn(state)),
        Effect.result
      )
    return Effect.gen(function* () {
      note(state)
      yield* TestClock.adjust("1 minute")
      const line = file.lines[0]!
      assert.isTrue(Result.isSuccess(yield* check(line)))
      for (const wrong of ["nonsense", line.slice(0, -1), line.replace(/ 1 /, " 9 "), ""]) {
        const refused = yield* check(wrong)
        assert.strictEqual(Result.isFailure(refused) && refused.failure.name, "InvalidInput", wrong)
      }
    }).pipe(Effect.provide(on(state, file)), Effect.scoped)
  })

  it("AC2 of many checkpoints every second of the older half goes, the newest stay, and the number is bounded", () => {
    const line = (id: number) => lineOf({ id: BigInt(id), hash: "0".repeat(64), at: 0 }, () => "f".repeat(64))
    let lines: ReadonlyArray<string> = []
    let longest = 0
    let stay = true
    for (let id = 1; id <= 50_000; id++) {
      lines = [...lines.slice(-5_000), line(id)]
      if (id % 256 === 0) {
        const newest = lines.slice(-1_024)
        lines = thinned(lines)
        stay &&= lines.slice(-1_024).every((one, at) => one === newest[at])
      }
      longest = Math.max(longest, lines.length)
    }

    assert.isTrue(stay)
    assert.isAtMost(longest, 2_048 + 256)
    assert.strictEqual(lines.at(-1), line(50_000))
    assert.strictEqual(lines[0], line(1))
  })
})
