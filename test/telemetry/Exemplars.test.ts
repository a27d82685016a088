import { assert, describe, it } from "vitest"
import { ExemplarStore, makeNote } from "../../src/telemetry/Exemplars.ts"

const trace = (id: number, flags = "01") => `00-${String(id).padStart(32, "0")}-00f067aa0ba902b7-${flags}`

describe("Exemplars", () => {
  it("TE10 a bucket keeps the newest exemplar: the first that was noted since the last look", () => {
    const store = new ExemplarStore()
    const { note, next } = makeNote(store, "h", [0.1, 1])
    const kept = () => store.of("h").map((one) => one && [Number(one.traceId), one.value, one.at])
    note(0.1, trace(1), 1)
    note(0.05, trace(2), 2)
    note(0.5, trace(3), 3)
    note(9, trace(4), 4)
    assert.deepStrictEqual(kept(), [
      [1, 0.1, 1],
      [3, 0.5, 3],
      [4, 9, 4]
    ])
    next()
    for (let i = 5; i < 10_000; i++) {
      note(0.05, trace(i), i)
      next()
    }
    assert.deepStrictEqual(kept()[0], [9_999, 0.05, 9_999])
    assert.strictEqual(store.of("h").length, 3)
    assert.isEmpty(store.of("another"))
  })

  it("TE10 what is in no sampled trace is no exemplar, and takes no other's place", () => {
    const store = new ExemplarStore()
    const { note } = makeNote(store, "h", [1])
    for (const traceparent of ["", "nonsense", trace(1, "00"), trace(1, "02")]) note(0.5, traceparent, 1)
    assert.isEmpty(store.of("h"))
    note(0.5, trace(2, "03"), 2)
    assert.strictEqual(Number(store.of("h")[0]?.traceId), 2)
  })
})
