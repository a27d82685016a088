import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Metric, Redacted, Result } from "effect"
import { TestClock } from "effect/testing"
import { newKey, signerOf } from "../../layers/Crypto/access/Ed25519.ts"
import * as KeyHash from "../../layers/Crypto/access/KeyHash.ts"
import { AccessTables } from "../../layers/Memory/access/AccessTables.ts"
import * as Memory from "../../layers/Memory/Memory.ts"
import { State } from "../../layers/Memory/State.ts"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import { KeyHash as CryptoOfKeys } from "../../src/access/KeyHash.ts"
import { verifyAudit } from "../../src/audit/Audit.ts"
import { AuditCheckpoints } from "../../src/audit/AuditCheckpoints.ts"
import { AuditKeys, KNOWN_KEYS } from "../../src/audit/AuditKeys.ts"
import { lineOf, thinned } from "../../src/audit/Checkpoint.ts"
import { compacted, isKeyLine } from "../../src/audit/CheckpointKey.ts"
import { CheckpointStore } from "../../src/audit/CheckpointStore.ts"
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

const [key, otherKey] = [Redacted.make(newKey()), Redacted.make(newKey())]
const idOf = (one: Redacted.Redacted) => signerOf(Redacted.value(one))!.id
const on = (state: State, file: Pick<File, "layer">, pepper = "pepper", its = key) =>
  Layer.fresh(AuditCheckpoints.layer({ pepper, key: its })).pipe(
    Layer.provide(Layer.merge(file.layer, KeyHash.layer)),
    Layer.provide(Memory.layerOn(state))
  )
const compare = Effect.flatMap(AuditCheckpoints, (checkpoints) => checkpoints.compare([]))
const checkpoints = (file: File) => file.lines.filter((line) => !isKeyLine(line))
const ids = (file: File) => checkpoints(file).map((line) => line.split(" ")[1])
const keys = (file: File) => checkpoints(file).map((line) => line.split(" ")[4])
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

  it.effect("AC1 AC6 with another pepper nothing is claimed of what another key signed before", () => {
    const [state, file] = [new State(), new File()]
    return Effect.gen(function* () {
      note(state)
      yield* Effect.scoped(Effect.provide(TestClock.adjust("1 minute"), on(state, file, "another", otherKey)))
      assert.deepInclude(yield* Effect.provide(compare, on(new State(), file)), {
        checked: 0,
        unsigned: 1,
        problem: undefined
      })
    }).pipe(Effect.scoped)
  })

  it.effect("AC5 AC7 a key that is new signs the end once more, and what the old one signed still counts", () => {
    const [state, file] = [new State(), new File()]
    return Effect.gen(function* () {
      note(state)
      note(state)
      yield* Effect.scoped(Effect.provide(TestClock.adjust("1 minute"), on(state, file)))
      yield* Effect.scoped(Effect.provide(TestClock.adjust("1 minute"), on(state, file, "pepper", otherKey)))
      yield* Effect.scoped(Effect.provide(TestClock.adjust("1 minute"), on(state, file, "pepper", otherKey)))
      assert.deepStrictEqual(ids(file), ["2", "2"])
      assert.deepStrictEqual(keys(file), [idOf(key), idOf(otherKey)])
      assert.deepInclude(yield* Effect.provide(compare, on(state, file, "pepper", otherKey)), {
        checked: 2,
        unsigned: 0
      })
      // Its own file says which keys it had, whatever became of the database.
      const told = yield* Effect.provide(compare, on(new State(), file, "pepper", otherKey))
      assert.deepInclude(told, { checked: 2, unsigned: 0 })
      assert.strictEqual(told.problem?.kind, "truncated")
    }).pipe(Effect.scoped)
  })

  it.effect(
    "AC6 a line of another node counts by the sealed key that the database has, and not by one that somebody wrote there",
    () => {
      const [state, file, elsewhere] = [new State(), new File(), new File()]
      return Effect.gen(function* () {
        note(state)
        yield* Effect.scoped(Effect.provide(TestClock.adjust("1 minute"), on(state, elsewhere, "pepper", otherKey)))
        const [line] = checkpoints(elsewhere)
        const signed = (one: State) =>
          Effect.flatMap(AuditCheckpoints, (it) => it.signed(line!)).pipe(Effect.provide(on(one, file)), Effect.scoped)
        assert.isTrue(yield* signed(state))
        assert.isFalse(yield* signed(new State()))

        const forged = new State()
        const [own] = elsewhere.lines
        yield* Effect.flatMap(AuditKeys, ({ keep }) => keep(idOf(otherKey), `${own!.slice(0, -1)}g`)).pipe(
          Effect.provide(Memory.layerOn(forged))
        )
        assert.isFalse(yield* signed(forged))
        const mallory = new File()
        yield* Effect.scoped(Effect.provide(TestClock.adjust("1 minute"), on(forged, mallory, "guessed", otherKey)))
        assert.isFalse(yield* signed(forged))
      })
    }
  )

  it.effect("AC6 a node that keeps its key is believed again within an hour, however many keys came after it", () => {
    const [state, file, elsewhere] = [new State(), new File(), new File()]
    return Effect.gen(function* () {
      note(state)
      yield* TestClock.adjust("1 minute")
      const [line] = checkpoints(elsewhere)
      const asked = Effect.flatMap(AuditCheckpoints, (it) => it.signed(line!))
      const signed = Effect.scoped(Effect.provide(asked, on(state, file)))
      const { keep } = yield* Effect.provide(AuditKeys, Memory.layerOn(state))
      for (let at = 0; at < KNOWN_KEYS; at++) yield* keep(`f${String(at).padStart(15, "0")}`, `line ${at}`)
      assert.isFalse(yield* signed)
      yield* TestClock.adjust("1 hour")
      assert.isTrue(yield* signed)
    }).pipe(Effect.provide(on(state, elsewhere, "pepper", otherKey)), Effect.scoped)
  })

  it.effect("AC1 lines that the pepper signed before there were keys still count", () => {
    const [state, file] = [new State(), new File()]
    return Effect.gen(function* () {
      note(state)
      const { hash } = yield* CryptoOfKeys
      const body = `herald-audit-1 1 ${state.tables(AccessTables).audit[0]!.hash} 5`
      file.lines = [`${body} ${hash(hash("pepper", "herald/audit-checkpoints"), body)}`, `${body} ${"0".repeat(64)}`]
      const compared = yield* Effect.scoped(Effect.provide(compare, on(state, file)))
      assert.deepInclude(compared, { checked: 1, unsigned: 1, problem: undefined })
      yield* Effect.scoped(Effect.provide(TestClock.adjust("1 minute"), on(state, file)))
      assert.strictEqual(checkpoints(file).at(-1)?.split(" ")[4], idOf(key)) // AC7
    }).pipe(Effect.provide(KeyHash.layer))
  })

  it.effect("AC3 nothing is signed before it was compared, however often the file could not be read", () => {
    const [state, file] = [new State(), new File()]
    return Effect.gen(function* () {
      for (let i = 0; i < 3; i++) note(state)
      yield* Effect.scoped(Effect.provide(TestClock.adjust("1 minute"), on(state, file)))
      const other = new State()
      for (let i = 0; i < 5; i++) note(other, i === 1 ? "mallory" : "ann")
      let reads = 0
      const slow = Layer.effect(
        CheckpointStore,
        Effect.map(CheckpointStore, (kept) => ({
          ...kept,
          read: Effect.suspend(() => (++reads <= 2 ? Effect.fail(failure("Internal", "interrupted")) : kept.read))
        }))
      ).pipe(Layer.provide(file.layer))
      yield* Effect.scoped(Effect.provide(TestClock.adjust("2 minutes"), on(other, { layer: slow })))
      assert.isAbove(reads, 2)
      assert.deepStrictEqual(ids(file), ["3"])
    })
  })

  it.effect("AE1 the end is signed when it is asked for, once, and never one that contradicts what was signed", () => {
    const [state, file] = [new State(), new File()]
    const sign = Effect.flatMap(AuditCheckpoints, (it) => it.sign)
    return Effect.gen(function* () {
      note(state)
      const found = yield* Effect.all([sign, sign, sign], { concurrency: "unbounded" })
      assert.deepStrictEqual(
        found.map(({ newest }) => newest?.id),
        [1n, 1n, 1n]
      )
      assert.deepStrictEqual(ids(file), ["1"])
      state.tables(AccessTables).audit.pop()
      note(state, "mallory")
      note(state)
      assert.strictEqual((yield* sign).problem?.kind, "rewritten")
      assert.deepStrictEqual(ids(file), ["1"])
    }).pipe(Effect.provide(on(state, file)), Effect.provide(PerNode.layer), Effect.scoped)
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
      const line = checkpoints(file)[0]!
      assert.isTrue(Result.isSuccess(yield* check(line)))
      for (const wrong of ["nonsense", line.slice(0, -1), line.replace(/ 1 /, " 9 "), ""]) {
        const refused = yield* check(wrong)
        assert.strictEqual(Result.isFailure(refused) && refused.failure.name, "InvalidInput", wrong)
      }
    }).pipe(Effect.provide(on(state, file)), Effect.scoped)
  })

  it("AC2 of many checkpoints every second of the older half goes, the newest stay, and the number is bounded", () => {
    const line = (id: number) =>
      lineOf({ id: BigInt(id), hash: "0".repeat(64), at: 0 }, { id: "0".repeat(16), sign: () => "f".repeat(86) })
    const keyLines = Array.from({ length: 70 }, (_, at) => `herald-audit-key-1 ${at}`)
    let lines: ReadonlyArray<string> = keyLines
    let longest = 0
    let stay = true
    for (let id = 1; id <= 50_000; id++) {
      lines = [...lines, line(id)]
      if (id % 256 === 0) {
        const newest = lines.filter((one) => !isKeyLine(one)).slice(-1_024)
        lines = compacted(lines, thinned)
        stay &&= lines.slice(-newest.length).every((one, at) => one === newest[at])
      }
      longest = Math.max(longest, lines.length)
    }

    assert.isTrue(stay)
    assert.isAtMost(longest, 2_048 + 256 + 70)
    assert.strictEqual(lines.at(-1), line(50_000))
    assert.deepStrictEqual(lines.slice(0, 64), keyLines.slice(6))
    assert.strictEqual(lines[64], line(1))
  })
})
