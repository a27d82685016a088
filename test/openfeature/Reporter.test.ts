import { assert, describe, it } from "@effect/vitest"
import { ReportError } from "../../src/client/ClientError.ts"
import { SDK } from "../../src/openfeature/Flags.ts"

import { ann, EMPTY, flag, start, toggle } from "./Harness.ts"

describe("Reporter", () => {
  it("FH3 RB5 evaluations are counted by outcome, and a batch that was not answered comes again under its name", async () => {
    const { provider, clock, transport } = await start([flag("a", 1)], { everyMillis: 1_000 })
    for (let n = 0; n < 5; n++) await provider.resolveBooleanEvaluation("a", false, ann)
    await provider.resolveBooleanEvaluation("a", false, {})
    await provider.resolveBooleanEvaluation("gone", false, {})
    transport.next.push(new ReportError("HRLD-5101", "away", 14), new ReportError("HRLD-5101", "away"))
    await clock.advance(1_500)
    await provider.resolveBooleanEvaluation("a", false, ann)
    transport.say(flag("a", 2))
    await provider.resolveBooleanEvaluation("a", false, ann)
    await clock.advance(10_000)

    const [first, second, third, ...rest] = transport.batches
    assert.deepStrictEqual(
      first?.evaluations.map(({ flag, variant, version, reason, count }) => [flag, variant, version, reason, count]),
      [
        ["a", "on", 1, "TARGETING_MATCH", 5n],
        ["a", "off", 1, "DEFAULT", 1n]
      ]
    )
    assert.deepStrictEqual([second, third], [first, first])
    assert.deepStrictEqual([first?.environment, first?.sdk], ["production", SDK])
    assert.deepStrictEqual(
      rest.flatMap(({ evaluations }) => evaluations.map(({ version, count }) => [version, count])),
      [
        [1, 1n],
        [2, 1n]
      ]
    )
    assert.notStrictEqual(rest[0]?.batchId, first?.batchId)
  })

  it("FH3 HV1 a value of another type than asked for is an error, and counted as one", async () => {
    const { provider, transport } = await start([flag("a", 1)])
    for (let n = 0; n < 2; n++) {
      const { value, errorCode } = await provider.resolveStringEvaluation("a", "own", ann)
      assert.deepStrictEqual([value, errorCode], ["own", "TYPE_MISMATCH"])
    }
    await provider.resolveBooleanEvaluation("a", false, ann)
    await provider.flush()
    assert.deepStrictEqual(
      transport.batches[0]?.evaluations.map(({ variant, reason, errorCode, count }) => [
        variant,
        reason,
        errorCode,
        count
      ]),
      [
        ["", "ERROR", "TYPE_MISMATCH", 2n],
        ["on", "TARGETING_MATCH", "", 1n]
      ]
    )
  })

  it("RB5 what a server will never take is given up, and the application hears of it and of refused items", async () => {
    const { provider, clock, transport, events } = await start([flag("a", 1)], { everyMillis: 1_000 })
    const refused = {
      ...EMPTY,
      refusedCount: 2,
      refused: [{ field: "evaluations", index: 0, problem: "no such flag" }]
    }
    transport.next.push(new ReportError("HRLD-1001", "no", 3), refused)
    for (let n = 0; n < 3; n++) {
      await provider.resolveBooleanEvaluation("a", false, ann)
      await clock.advance(2_000)
    }
    assert.strictEqual(new Set(transport.batches.map(({ batchId }) => batchId)).size, 3)
    const told = events.filter(({ type }) => type === "report").map((event) => "message" in event && event.message)
    assert.lengthOf(told, 2)
    assert.match(String(told[0]), /given up: .*no/)
    assert.match(String(told[1]), /2 items .* no such flag/)
  })

  it("RB5 a server that takes no reports is asked again after ten minutes, and what is new is counted until then", async () => {
    const { provider, clock, transport } = await start([flag("a", 1)], { everyMillis: 1_000 })
    transport.next.push(new ReportError("HRLD-1001", "no such service", 12))
    await provider.resolveBooleanEvaluation("a", false, ann)
    await clock.advance(2_000)
    for (let n = 0; n < 3; n++) await provider.resolveBooleanEvaluation("a", false, ann)
    await clock.advance(590_000)
    assert.lengthOf(transport.batches, 1)
    await clock.advance(20_000)
    assert.deepStrictEqual(
      transport.batches.slice(1).flatMap(({ evaluations }) => evaluations.map(({ count }) => count)),
      [3n]
    )
  })

  it("RB2 HV1 exposures are of experiments, of all, or of none, and need a targeting key", async () => {
    for (const [exposures, expected] of [
      ["experiments", ["exp"]],
      ["all", ["a", "exp"]],
      ["none", []]
    ] as const) {
      const { provider, transport } = await start([flag("a", 1), flag("exp", 2, toggle({ purpose: "experiment" }))], {
        exposures
      })
      for (const name of ["a", "exp"]) {
        await provider.resolveBooleanEvaluation(name, false, ann)
        await provider.resolveBooleanEvaluation(name, false, ann)
        await provider.resolveBooleanEvaluation(name, false, { plan: "pro" })
      }
      assert.isTrue(await provider.flush())
      const got = transport.batches.flatMap((batch) => batch.exposures)
      assert.deepStrictEqual(
        got.map(({ flag }) => flag),
        [...expected]
      )
      for (const one of got) assert.deepInclude(one, { variant: "on", unit: "ann" })
    }
  })

  it("RB4 a track has the targeting key and its details, nothing else of the context; one that can't be sent is told", async () => {
    const { provider, transport, events } = await start([])
    provider.track("paid", { targetingKey: "ann", email: "ann@example.com" }, { value: 5, plan: "pro" })
    provider.track("paid", { email: "ann@example.com" }, { value: 5 })
    await provider.flush()
    const sent = JSON.stringify(transport.batches, (_, one) => (typeof one === "bigint" ? String(one) : one))
    assert.include(sent, '"unit":"ann"')
    assert.notInclude(sent, "example.com")
    const told = events.find(({ type }) => type === "report")
    assert.include(JSON.stringify(told), "targeting key")
    assert.notInclude(JSON.stringify(told), "example.com")
  })

  it("RB7 HV5 closing sends what is left, once, and waits 2 s at most for an answer; then nothing is sent", async () => {
    const { provider, transport, clock } = await start([flag("a", 1)])
    await provider.resolveBooleanEvaluation("a", false, ann)
    await provider.onClose()
    assert.lengthOf(transport.batches, 1)
    await clock.advance(120_000)
    assert.lengthOf(transport.batches, 1)
    assert.strictEqual((await provider.resolveBooleanEvaluation("a", true, ann)).errorCode, "PROVIDER_NOT_READY")

    const stuck = await start([flag("a", 1)])
    await stuck.provider.resolveBooleanEvaluation("a", false, ann)
    stuck.transport.next.push(new Promise<never>(() => {}))
    let closed = false
    const closing = stuck.provider.onClose().then(() => {
      closed = true
    })
    await stuck.clock.advance(1_900)
    assert.isFalse(closed)
    await stuck.clock.advance(200)
    await closing
  })

  it("RB6 with a server that takes no reports, or where none are wanted, nothing is kept", async () => {
    const { provider, transport } = await start([flag("a", 1)], false)
    await provider.resolveBooleanEvaluation("a", false, ann)
    provider.track("paid", ann)
    assert.isTrue(await provider.flush())
    assert.lengthOf(transport.batches, 0)
  })
})
