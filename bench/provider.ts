/**
 * What stands around an evaluation in an application, a processor second: `Flags` of herald/openfeature, `HeraldProvider`, and OpenFeature's SDK on it,
 * with the SDK on its own in-memory provider in the same run. The rule is "list + version + suffix + fractional" of flags.ts.
 *
 *   node bench/provider.ts        --short: a tenth of the evaluations
 */
import { InMemoryProvider, OpenFeature, type Provider } from "@openfeature/server-sdk"
import { ClientFlags } from "../src/client/ClientFlags.ts"
import { systemClock } from "../src/client/Platform.ts"
import { checkFlag, Flags, HeraldProvider } from "../src/openfeature/HeraldProvider.ts"
import { contexts, rules } from "./flags.ts"
import { main, type Options, type Report, repeat } from "./support/Report.ts"

const RULE = "list + version + suffix + fractional"
const NAMES = Array.from({ length: 20 }, (_, n) => `flag-${n}`)
const DEFAULT_OFF = { state: "ENABLED", variants: { on: true, off: false }, defaultVariant: "off" }

/** A client with flags, as after a sync. */
const client = () => {
  const listeners = { call: () => {}, event: () => {} }
  const report = async () => ({ replayed: false, accepted: 0, refused: [], refusedCount: 0, overLimit: 0 })
  const flags = new ClientFlags(
    { environment: "production", patterns: ["@flag/*"], clock: systemClock, listeners, report },
    checkFlag
  )
  NAMES.forEach((name, n) => {
    const content = JSON.stringify({ ...DEFAULT_OFF, targeting: rules[RULE]!(n) })
    const rest = { format: "json", digest: "", deleted: false, strict: false, unconfirmed: false, traceparent: "" }
    flags.became({ key: `@flag/${name}`, version: 1, revision: 1n, epoch: "e", content, source: "live", ...rest })
  })
  return { flags, state: "live", confirmed: true } as never
}

/** Evaluations a second of this thread's processor. */
const rate = async (times: number, evaluate: (name: string, context: never) => unknown) => {
  const before = process.threadCpuUsage()
  for (let n = 0; n < times; n++) {
    const answer = evaluate(NAMES[n % NAMES.length]!, contexts[n % contexts.length] as never)
    if (answer instanceof Promise) await answer
  }
  const { user, system } = process.threadCpuUsage(before)
  return (times / (user + system)) * 1e6
}

const sdk = async (name: string, provider: Provider) => {
  await OpenFeature.setProviderAndWait(name, provider)
  const its = OpenFeature.getClient(name)
  return (flag: string, context: never) => its.getBooleanValue(flag, false, context)
}

const measureOnce = async (times: number) => {
  const flags = new Flags(client())
  const provider = new HeraldProvider({ client: client() })
  await provider.initialize()
  const memory = new InMemoryProvider(
    Object.fromEntries(NAMES.map((name) => [name, { variants: { on: true }, defaultVariant: "on", disabled: false }]))
  )
  const ways = {
    Flags: (flag: string, context: never) => flags.evaluate(flag, context),
    HeraldProvider: (flag: string, context: never) => provider.resolveBooleanEvaluation(flag, false, context),
    "OpenFeature's SDK on HeraldProvider": await sdk("herald", new HeraldProvider({ client: client() })),
    "OpenFeature's SDK on its in-memory provider": await sdk("memory", memory)
  }
  const found: Record<string, number> = {}
  for (const [name, way] of Object.entries(ways)) {
    const some = name.startsWith("OpenFeature") ? times / 10 : times
    await rate(some / 10, way)
    found[name] = await rate(some, way)
  }
  await provider.onClose()
  await OpenFeature.close()
  return found
}

const measure = async ({ short, runs }: Options): Promise<Report> => {
  const found = await repeat(runs, () => measureOnce(short ? 300_000 : 3_000_000))
  const reaches: Readonly<Record<string, string>> = { Flags: "≥ 1,000,000", HeraldProvider: "≥ 1,000,000" }
  const rows = Object.keys(found[0]!).map((what) => ({
    what: `${RULE}, ${what}`,
    reach: reaches[what] ?? "",
    unit: "/s",
    values: found.map((one) => one[what]!)
  }))
  return {
    rows,
    notes: ["a second of one processor, by the thread's own clock; counts and exposures are on"],
    wrong: []
  }
}

if (import.meta.main) await main("provider", measure)
