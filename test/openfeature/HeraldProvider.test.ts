import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { ProviderEvents } from "@openfeature/server-sdk"
import * as Web from "@openfeature/web-sdk"
import { UpdateKind } from "../../proto/generated/herald/distribution/v1/distribution.ts"
import type { ReportRequest, ReportResponse } from "../../proto/generated/herald/reporting/v1/reporting.ts"
import { ReportError } from "../../src/client/ClientError.ts"
import { type ClientEvent, type ConnectOptions, HeraldClient } from "../../src/client/HeraldClient.ts"
import { SDK } from "../../src/openfeature/Flags.ts"
import { HeraldProvider, type ReportOptions } from "../../src/openfeature/HeraldProvider.ts"
import { FakeClock } from "../support/FakeClock.ts"
import { FakeTransport } from "../support/FakeTransport.ts"
import { deleted, synced, value } from "../support/Said.ts"
import { turn } from "../support/turn.ts"

const toggle = (more: object = {}) => ({
  state: "ENABLED",
  variants: { on: true, off: false },
  defaultVariant: "off",
  targeting: { if: [{ "==": [{ var: "plan" }, "pro"] }, "on"] },
  ...more
})
const flag = (name: string, revision: number, said: object = toggle()) => value(`@flag/${name}`, revision, said)
const EMPTY: ReportResponse = { replayed: false, accepted: 0, refused: [], refusedCount: 0, overLimit: 0 }

class Reporting extends FakeTransport {
  readonly batches: Array<ReportRequest> = []
  /** What becomes of the next batches; taken when it is empty. */
  readonly next: Array<ReportResponse | Error | Promise<never>> = []
  report = async (batch: ReportRequest): Promise<ReportResponse> => {
    this.batches.push(batch)
    const answer = await (this.next.shift() ?? EMPTY)
    if (answer instanceof Error) throw answer
    return answer
  }
}

const start = async (
  flags: ReadonlyArray<ReturnType<typeof flag>>,
  report: ReportOptions | false = {},
  more: Partial<ConnectOptions> = {}
) => {
  const [clock, transport] = [new FakeClock(), new Reporting()]
  const events: Array<ClientEvent> = []
  transport.greet = (stream) => {
    for (const one of flags) stream.say(one)
    stream.say(synced(flags.length))
  }
  const provider = new HeraldProvider(
    { address: "herald:50051", service: "shop", report, onEvent: (event) => events.push(event), ...more },
    { clock, transport }
  )
  await provider.initialize()
  await turn()
  return { provider, clock, transport, events }
}
const ann = { targetingKey: "ann", plan: "pro" }

describe("HeraldProvider", () => {
  it("FH1 FK2 a flag is another when it came again, gone when it went, and what can't be read leaves the former", async () => {
    const { provider, transport } = await start([flag("a", 1), flag("b", 2)])
    const variant = async () => (await provider.resolveBooleanEvaluation("a", false, ann)).variant
    assert.strictEqual(await variant(), "on")
    transport.say(flag("a", 3, toggle({ targeting: { if: [true, "off"] } })))
    assert.strictEqual(await variant(), "off")
    transport.say(flag("a", 4, toggle({ targeting: { regex: ["x"] } })))
    await turn()
    assert.strictEqual(await variant(), "off")
    assert.include(transport.outcomes.at(-1)?.reason, '"regex"')
    transport.say(deleted("@flag/a", 5))
    assert.strictEqual((await provider.resolveBooleanEvaluation("a", true, ann)).errorCode, "FLAG_NOT_FOUND")
  })

  it("HV1 an answer says its flag set and version, for telemetry, beside the flag's own metadata", async () => {
    const { provider } = await start([flag("a", 7, toggle({ metadata: { team: "x", version: "mine" } })), flag("b", 8)])
    const of = async (name: string) => (await provider.resolveBooleanEvaluation(name, false, ann)).flagMetadata
    assert.deepStrictEqual(await of("a"), { flagSetId: "production", version: "mine", team: "x" })
    assert.deepStrictEqual(await of("b"), { flagSetId: "production", version: "8" })
    assert.deepStrictEqual(await of("gone"), { flagSetId: "production" })
  })

  it("HV1 dates of a context are read as JSON has them, and a context that is none fails that evaluation alone", async () => {
    const day = "2026-01-01T00:00:00.000Z"
    const rule = { if: [{ "==": [{ var: "at.day" }, day] }, "on"] }
    const { provider } = await start([flag("a", 1, toggle({ targeting: rule }))])
    const got = await provider.resolveBooleanEvaluation("a", false, { at: { day: new Date(day) } })
    assert.strictEqual(got.variant, "on")
    const circle: Record<string, unknown> = {}
    circle["circle"] = circle
    const failed = await provider.resolveBooleanEvaluation("a", false, circle as never).catch(String)
    assert.match(String(failed), /circular/i)
    assert.strictEqual((await provider.resolveBooleanEvaluation("a", true, {})).variant, "off")
  })

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

  it("HV2 it is stale while the server is unsure or gone, in error while it is refused, and ready when it is sure again", async () => {
    const { provider, clock, transport } = await start([flag("a", 1)], false)
    const told: Array<string> = []
    for (const event of [ProviderEvents.Ready, ProviderEvents.Stale, ProviderEvents.Error])
      provider.events.addHandler(event, (details) => void told.push(`${event} ${details?.message ?? ""}`.trim()))
    const beat = (stale: boolean) => transport.say({ kind: UpdateKind.UPDATE_KIND_HEARTBEAT, stale })
    const next = async () => {
      await turn()
      return told.splice(0)
    }
    beat(true)
    assert.match(String(await next()), /^PROVIDER_STALE the server can't confirm/)
    beat(true)
    beat(false)
    assert.deepStrictEqual(await next(), ["PROVIDER_READY"])
    transport.end({ status: 16, message: "no such key" })
    assert.match(String(await next()), /^PROVIDER_ERROR the server refuses/)
    await clock.advance(30_000)
    await turn()
    assert.deepStrictEqual(await next(), ["PROVIDER_READY"])
    transport.end()
    assert.match(String(await next()), /^PROVIDER_STALE the server is gone/)
    assert.strictEqual((await provider.resolveBooleanEvaluation("a", false, ann)).variant, "on")
    await provider.onClose()
    await clock.advance(120_000)
    assert.deepStrictEqual(await next(), [])
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

  it("PJ1 PJ2 flags for a page are JSON that no value breaks out of, and only those that were named", async () => {
    const evil = { state: "ENABLED", variants: { x: "</script><!--\u2028&" }, defaultVariant: "x" }
    const { provider, transport } = await start([flag("page.a", 1, evil), flag("page.b", 2), flag("secret", 3)])
    const text = provider.bootstrap(ann, ["page.*"])
    assert.notMatch(text, /[<>&\u2028]/)
    assert.deepStrictEqual(JSON.parse(text), {
      flags: [
        { key: "page.a", value: "</script><!--\u2028&", variant: "x", reason: "STATIC", metadata: {} },
        { key: "page.b", value: true, variant: "on", reason: "TARGETING_MATCH", metadata: {} }
      ]
    })
    assert.lengthOf(JSON.parse(provider.bootstrap()).flags, 3)
    await provider.flush()
    assert.deepStrictEqual(
      transport.batches.flatMap(({ evaluations }) => evaluations.map(({ flag, count }) => [flag, count])),
      [
        ["page.a", 1n],
        ["page.b", 1n]
      ]
    ) // FH3: all at once is nobody's
  })

  it("PJ1 a page's provider takes them as the page of the documents shows", async () => {
    const { provider } = await start([flag("page.a", 1), flag("page.dark", 2, toggle({ state: "DISABLED" }))])
    const page = readFileSync(new URL("../../docs/flags.md", import.meta.url), "utf8")
    const [, code = ""] =
      /import \{ InMemoryProvider, OpenFeature \} from "@openfeature\/web-sdk"\n([\s\S]*?)```/.exec(page) ?? []
    const run = new Function("InMemoryProvider", "OpenFeature", "window", code)
    run(Web.InMemoryProvider, Web.OpenFeature, { flags: JSON.parse(provider.bootstrap(ann)) })
    await turn()
    const client = Web.OpenFeature.getClient()
    assert.strictEqual(client.getBooleanValue("page.a", false), true)
    assert.strictEqual(client.getBooleanDetails("page.dark", true).value, true)
    await Web.OpenFeature.close()
  })

  it("HV5 a client that was connected without flags is no client for it", async () => {
    const [clock, transport] = [new FakeClock(), new Reporting()]
    transport.greet = (stream) => stream.say(synced(1))
    const client = await HeraldClient.connect({ address: "x:1", service: "shop" }, { clock, transport })
    const error = await new HeraldProvider({ client }).initialize().catch((error: unknown) => error)
    assert.strictEqual((error as { readonly code?: string }).code, "PROVIDER_FATAL")
    assert.include(String(error), "flags: true")
  })

  it("FH3 it calls itself by the version that is shipped", () => {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"))
    assert.strictEqual(SDK, `herald-js/${version}`)
  })
})
