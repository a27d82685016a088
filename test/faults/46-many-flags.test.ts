/**
 * Fault 46: a node with 10,000 flags in one environment is killed. It is back with all of them, and providers keep theirs and are current again.
 */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { onTestFinished } from "vitest"
import { closeProviders, using } from "../support/FlagProviders.ts"
import { measured, seconds } from "../support/measured.ts"
import { startServer } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

const FLAGS = 10_000
const RELEASE = 500

describe("fault 46: 10,000 flags in one environment", () => {
  it("FY1 FP4 HV2 imported, synchronised, killed, and all of them back", async () => {
    await using server = await startServer({ FLAGS_ANONYMOUS: "production", LIMIT_REQUESTS_PER_SECOND: "1000000" })
    onTestFinished(closeProviders)
    const name = (n: number) => `flag-${String(n).padStart(5, "0")}`
    const flag = (n: number, text: string) => ({
      flag: name(n),
      environment: "production",
      value: {
        ...{ state: "ENABLED", variants: { a: text, b: "other" }, defaultVariant: "a" },
        targeting: { if: [{ "==": [{ var: "plan" }, `p${n}`] }, "b", "a"] }
      }
    })
    const release = async (flags: ReadonlyArray<object>) => {
      const { status, body } = await server.call("POST", "/v1/releases", { changes: [], flags })
      assert.strictEqual(status, 200, JSON.stringify(body))
    }
    const rss = () =>
      `${Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))![1]) / 1e3)} MB`
    const count = async () => {
      const { body } = await server.call("GET", "/v1/flagd?environment=production")
      const { flags } = typeof body === "string" ? JSON.parse(body) : body
      return Object.keys(flags).length
    }

    const began = performance.now()
    for (let from = 0; from < FLAGS; from += RELEASE)
      await release(Array.from({ length: RELEASE }, (_, n) => flag(from + n, "before")))
    const imported = performance.now() - began
    assert.strictEqual(await count(), FLAGS)

    const last = name(FLAGS - 1)
    const ready = performance.now()
    const kinds = ["flagd, in process", "OFREP, in a page", "Herald's own"] as const
    const providers = await Promise.all(kinds.map((kind) => using(kind, server, last)))
    for (const one of providers) assert.strictEqual((await one.details()).value, "before", one.kind)
    const begun = performance.now() - ready

    const current = async (text: string) => {
      const from = performance.now()
      await release([flag(FLAGS - 1, text)])
      await Promise.all(
        providers.map((one) => waitUntil(`${one.kind} to be current`, async () => (await one.details()).value === text))
      )
      return seconds(performance.now() - from)
    }
    const changed = await current("changed")
    await server.end("SIGKILL")
    for (const one of providers) await waitUntil(`${one.kind} to know`, () => one.events.includes("stale"))
    for (const one of providers) assert.strictEqual((await one.details()).value, "changed", one.kind)

    const restart = performance.now()
    await server.start()
    const started = performance.now() - restart
    assert.strictEqual(await count(), FLAGS)
    const after = await current("after")
    measured(46, "10,000 flags", {
      "imported in releases of 500": seconds(imported),
      "three providers have all after": seconds(begun),
      "a change at all three": changed,
      "killed, serving again after": seconds(started),
      "the next change at all three": after,
      "resident memory": rss()
    })
  })
})
