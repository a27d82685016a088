import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { ProviderEvents } from "@openfeature/server-sdk"
import * as Web from "@openfeature/web-sdk"
import { UpdateKind } from "../../proto/generated/herald/distribution/v1/distribution.ts"
import { HeraldClient } from "../../src/client/HeraldClient.ts"
import { SDK } from "../../src/openfeature/Flags.ts"
import { HeraldProvider } from "../../src/openfeature/HeraldProvider.ts"
import { FakeClock } from "../support/FakeClock.ts"
import { deleted, synced } from "../support/Said.ts"
import { turn } from "../support/turn.ts"

import { ann, flag, Reporting, start, toggle } from "./Harness.ts"

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

  it("HV5 a provider that is closed while it connects opens nothing, and its connection ends", async () => {
    const [clock, transport] = [new FakeClock(), new Reporting()]
    const provider = new HeraldProvider({ address: "herald:50051", service: "shop" }, { clock, transport })
    const begun = provider.initialize()
    await turn()
    await provider.onClose()
    transport.last.say(flag("a", 1))
    transport.last.say(synced(1))
    await begun
    await turn()
    const { errorCode } = await provider.resolveBooleanEvaluation("a", true, ann)
    assert.strictEqual(errorCode, "PROVIDER_NOT_READY")
    assert.deepStrictEqual(clock.waiting, [])
  })

  it("FH3 it calls itself by the version that is shipped", () => {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"))
    assert.strictEqual(SDK, `herald-js/${version}`)
  })
})
