/** Experiments on a real server, by the command line, with people who come by OpenFeature's SDK and over REST. */
import { spawn } from "node:child_process"
import { assert, describe, it } from "@effect/vitest"
import { OFREPProvider } from "@openfeature/ofrep-provider"
import { OpenFeature } from "@openfeature/server-sdk"
import { afterAll, beforeAll } from "vitest"
import { HeraldProvider } from "../../src/openfeature/HeraldProvider.ts"
import { type Server, startServer } from "../support/Server.ts"
import { waitUntil } from "../support/waitUntil.ts"

const bin = new URL("../../bin/herald.js", import.meta.url).pathname
const PEOPLE = 2_000
let server: Server
beforeAll(async () => {
  server = await startServer({ LIMIT_REQUESTS_PER_SECOND: "100000", LIMIT_BURST: "100000" })
})
afterAll(async () => {
  await OpenFeature.close()
  await server[Symbol.asyncDispose]()
})

const run = async (...args: ReadonlyArray<string>) => {
  const child = spawn(process.execPath, [bin, ...args], {
    env: { PATH: process.env["PATH"], HERALD_DATA: server.data },
    stdio: ["ignore", "pipe", "pipe"]
  })
  let [out, err] = ["", ""]
  child.stdout!.on("data", (chunk) => (out += String(chunk)))
  child.stderr!.on("data", (chunk) => (err += String(chunk)))
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve))
  return { code, out, err }
}
const json = async (...args: ReadonlyArray<string>) => {
  const done = await run(...args, "--output", "json")
  assert.strictEqual(done.code, 0, done.err)
  return JSON.parse(done.out)
}
interface Found {
  readonly results: {
    readonly units: number
    readonly mixed: number
    readonly sampleRatio: { readonly mismatch: boolean }
    readonly metrics: ReadonlyArray<{
      readonly name: string
      readonly arms: ReadonlyArray<{ readonly units: number; readonly total: number; readonly verdict: string }>
    }>
  }
}
/** As soon as so many people are in it. */
const resultsOf = async (name: string, units: number): Promise<Found["results"]> => {
  let found: Found["results"] | undefined
  await waitUntil(`${units} units of ${name}`, async () => {
    const { body } = await server.call("GET", `/v1/experiments/${name}/results?environment=production`)
    found = (body as Found).results
    return found.units >= units
  })
  return found!
}
/** The same numbers each time (mulberry32). */
const numbers = (seed: number) => {
  let state = seed
  return (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

interface Shown {
  readonly flag: string
  readonly variant: string
  readonly unit: string
}
/** What an application that does not know Herald reports of itself. */
const report = async (exposures: ReadonlyArray<Shown>, tracks: ReadonlyArray<object>) => {
  for (let at = 0; at < exposures.length; at += 1_000) {
    const { status } = await server.call("POST", "/v1/reports", {
      batchId: `batch-${crypto.randomUUID()}`,
      exposures: exposures.slice(at, at + 1_000)
    })
    assert.strictEqual(status, 200)
  }
  for (let at = 0; at < tracks.length; at += 500) {
    const { status } = await server.call("POST", "/v1/track", { events: tracks.slice(at, at + 500) })
    assert.strictEqual(status, 200)
  }
}

describe("experiments", () => {
  it("XE5 XF1 XG3 a treatment that is better is found to be so, with people of OpenFeature's SDK, and is served to everyone then", async () => {
    await json("flag", "create", "new-checkout", "--percentage", "0")
    const started = await json(
      ...["experiment", "start", "one-page", "--flag", "new-checkout", "--split", "off=50,on=50"],
      ...["--metric", "checkout", "--metric", "spent=mean(checkout) cap 500", "--message", "one page sells more"]
    )
    assert.deepInclude(started, { state: "running", flagVersion: 2, hypothesis: "one page sells more", warnings: [] })
    const held = await run("flag", "disable", "new-checkout")
    assert.strictEqual(held.code, 5)
    assert.include(held.err, "one-page")

    const provider = new HeraldProvider({ address: server.grpc, token: server.token, service: "shop" })
    await OpenFeature.setProviderAndWait("people", provider)
    const client = OpenFeature.getClient("people")
    const any = numbers(1)
    for (let n = 0; n < PEOPLE; n++) {
      const context = { targetingKey: `user-${n}` }
      const on = await client.getBooleanValue("new-checkout", false, context)
      if (any() < (on ? 0.3 : 0.15)) client.track("checkout", context, { value: Math.round(any() * 10_000) / 100 })
    }
    await OpenFeature.clearProviders()

    const found = await resultsOf("one-page", PEOPLE)
    assert.deepInclude(found, { units: PEOPLE, mixed: 0 })
    assert.isFalse(found.sampleRatio.mismatch)
    const [buys, spent] = found.metrics
    assert.deepStrictEqual(
      buys!.arms.map(({ verdict }) => verdict),
      ["control", "better"]
    )
    assert.isAbove(buys!.arms[1]!.total, buys!.arms[0]!.total)
    assert.strictEqual(spent!.name, "spent")
    assert.isAbove(spent!.arms[1]!.total, spent!.arms[0]!.total)

    const table = await run("experiment", "results", "one-page", "--output", "table")
    assert.strictEqual(table.code, 0, table.err)
    if (process.env["SHOW"] !== undefined) console.log(table.out)
    for (const part of ["one-page in production running", "2000 units", "checkout decides", "better", "●"])
      assert.include(table.out, part)

    const stopped = await json(
      ...["experiment", "stop", "one-page", "--winner", "on", "--serve", "on", "--message", "twice as many buy"]
    )
    assert.deepInclude(stopped, { state: "stopped", winner: "on", conclusion: "twice as many buy" })
    const flag = await json("flag", "get", "new-checkout")
    assert.deepInclude(flag.definition, { defaultVariant: "on" })
    assert.deepStrictEqual((await json("experiment", "results", "one-page")).results.units, PEOPLE)
    const versions = await json("experiment", "history", "one-page")
    assert.deepStrictEqual(
      versions.map(({ state }: { state: string }) => state),
      ["stopped", "running"]
    )
    const audit = await server.call("GET", "/v1/audit?limit=1000")
    assert.include(JSON.stringify(audit.body), "@experiment/production/one-page")
  })

  it("XF1 two that are the same are not told apart, with people who come over OFREP and REST", async () => {
    await json("flag", "create", "same", "--percentage", "0")
    await json("experiment", "start", "a-a", "--flag", "same", "--split", "off=50,on=50", "--metric", "look")
    await OpenFeature.setProviderAndWait(
      "strangers",
      new OFREPProvider({ baseUrl: server.http, headers: [["Authorization", `Bearer ${server.token}`]] })
    )
    const client = OpenFeature.getClient("strangers")
    const any = numbers(2)
    const exposures: Array<Shown> = []
    const tracks: Array<object> = []
    for (let n = 0; n < 600; n++) {
      const unit = `user-${n}`
      const { variant } = await client.getBooleanDetails("same", false, { targetingKey: unit })
      exposures.push({ flag: "same", variant: variant!, unit })
      if (any() < 0.2) tracks.push({ name: "look", unit })
    }
    await report(exposures, tracks)
    const found = await resultsOf("a-a", 600)
    assert.isFalse(found.sampleRatio.mismatch)
    assert.strictEqual(found.metrics[0]!.arms[1]!.verdict, "unclear")
    assert.strictEqual((await run("experiment", "results", "a-a")).code, 0)
  })

  it("XF2 where people of one variant are lost, that is found, and told with exit code 3", async () => {
    await json("flag", "create", "lossy", "--percentage", "0")
    await json("experiment", "start", "loss", "--flag", "lossy", "--split", "off=50,on=50", "--metric", "look")
    const exposures = Array.from({ length: 900 }, (_, n) => ({
      flag: "lossy",
      variant: n < 600 ? "off" : "on",
      unit: `user-${n}`
    }))
    await report(
      exposures,
      exposures.slice(600).map(({ unit }) => ({ name: "look", unit }))
    )
    const found = await resultsOf("loss", 900)
    assert.isTrue(found.sampleRatio.mismatch)
    assert.strictEqual(found.metrics[0]!.arms[1]!.verdict, "unclear")
    const told = await run("experiment", "results", "loss", "--output", "table")
    assert.strictEqual(told.code, 3)
    assert.include(told.out, "do not come by their shares")
    assert.include(told.err, "People do not come by their shares")

    const forced = await run("flag", "disable", "lossy", "--force", "--message", "it burns", "--output", "json")
    assert.strictEqual(forced.code, 0, forced.err)
    assert.deepInclude(await json("experiment", "show", "loss"), { state: "stopped", conclusion: "it burns" })
  })

  it("XE2 people of one layer are in one experiment at most, as every door evaluates it", async () => {
    for (const name of ["first", "second"]) {
      await json("flag", "create", name, "--percentage", "0")
      await json(
        ...["experiment", "start", name, "--flag", name, "--split", "off=50,on=50", "--metric", "look"],
        ...["--layer", "shop", "--traffic", "50"]
      )
    }
    await json("flag", "create", "third", "--percentage", "0")
    const full = await run(
      ...["experiment", "start", "third", "--flag", "third", "--split", "off=50,on=50", "--metric", "look"],
      ...["--layer", "shop", "--traffic", "10"]
    )
    assert.strictEqual(full.code, 5)
    assert.include(full.err, "first, second")
    const client = OpenFeature.getClient("strangers")
    for (let n = 0; n < 200; n++) {
      const context = { targetingKey: `user-${n}` }
      const variants = [
        (await client.getBooleanDetails("first", false, context)).variant,
        (await client.getBooleanDetails("second", false, context)).variant
      ]
      assert.strictEqual(variants.filter((one) => one === "outside").length, 1)
    }
  })
})
