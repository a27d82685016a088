/**
 * The document of many flags in one process, without a server: the CPU time of the longest turn of the event loop, which other processes do not
 * change, while it is written for the first time, after a change of one flag, and while its digest is made; at the bounds of an environment, too.
 *
 *   node bench/flagDocument.ts        --short: a tenth of it
 */
import { Effect, Result } from "effect"
import { digestOf } from "../layers/Crypto/values/Sha256.ts"
import { exported } from "../src/evaluation/Exported.ts"
import { readDefinition } from "../src/evaluation/ReadDefinition.ts"
import type { FeatureFlag } from "../src/flags/FeatureFlag.ts"
import { digestOfDocument, FlagDocument } from "../src/flags/FlagDocument.ts"
import { Named } from "../src/flags/Named.ts"
import { Slices } from "../src/work/Slices.ts"
import { main, type Options, type Report, repeat } from "./support/Report.ts"

const rule = (n: number) => ({
  if: [
    {
      and: [
        { in: [{ var: "country" }, ["de", "at", "ch"]] },
        { sem_ver: [{ var: "version" }, ">=", "1.2.0"] },
        { ends_with: [{ var: "email" }, `@example${n}.com`] }
      ]
    },
    {
      fractional: [
        ["on", 50],
        ["off", 50]
      ]
    },
    "off"
  ]
})
/** `padding`: characters that it is longer. */
const flag = (n: number, revision: number, padding: number): FeatureFlag => ({
  kind: "flag",
  environment: "production",
  key: `flag-${n}`,
  revision: BigInt(revision),
  version: revision,
  definition: JSON.stringify({
    state: "ENABLED",
    variants: { on: true, off: false },
    defaultVariant: "off",
    targeting: rule(n),
    metadata: { revision, text: "x".repeat(padding) }
  }),
  deleted: false,
  digest: "",
  createdAt: 0,
  updatedAt: 0,
  updatedBy: "",
  message: ""
})

const cpu = (): number => {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}

/** Milliseconds of CPU: of the longest turn of the event loop, and of all. */
const turnsOf = async <A>(work: Effect.Effect<A>) => {
  const began = cpu()
  let [last, longest, going] = [began, 0, true]
  const turn = () => {
    const now = cpu()
    longest = Math.max(longest, now - last)
    last = now
    if (going) setImmediate(turn)
  }
  setImmediate(turn)
  const made = await Effect.runPromise(work)
  going = false
  await new Promise((resolve) => setImmediate(resolve))
  return { made, longest, all: cpu() - began }
}

const measureOnce = async (count: number, padding: number) => {
  const named = new Named<FeatureFlag>()
  for (let n = 0; n < count; n++) named.set(flag(n, 1, padding))
  const slices = new Slices()
  const document = new FlagDocument({
    keys: () => named.keys(),
    exported: (key) =>
      exported(key, Result.getOrThrow(readDefinition(named.byKey.get(key)!.definition)), {
        ruleOf: () => undefined,
        definitionOf: () => undefined
      }),
    slices
  })
  const first = await turnsOf(document.newest)
  named.set(flag(7, 2, padding))
  document.outdated(["flag-7"])
  const change = await turnsOf(document.newest)
  const digest = await turnsOf(digestOfDocument(change.made, digestOf, slices))
  return { first, change, digest, bytes: change.made.json.length }
}

const measure = async ({ short: brief, runs }: Options): Promise<Report> => {
  const [some, most] = brief ? [1_000, 2_000] : [10_000, 20_000]
  await measureOnce(some / 10, 0) // code that is compiled
  const [small, large] = [
    await repeat(runs, () => measureOnce(some, 0)),
    await repeat(runs, () => measureOnce(most, 2_900))
  ]
  type Once = Awaited<ReturnType<typeof measureOnce>>
  const rows = (found: ReadonlyArray<Once>, of: string) =>
    (["first", "change", "digest"] as const).flatMap((part) => [
      {
        what: `${of}: ${part}, longest turn, CPU`,
        reach: "< 20",
        unit: "ms",
        values: found.map((one) => one[part].longest)
      },
      { what: `${of}: ${part}, all, CPU`, reach: "", unit: "ms", values: found.map((one) => one[part].all) }
    ])
  const megabytes = (found: ReadonlyArray<Once>) => `${(found[0]!.bytes / 1_048_576).toFixed(1)} MiB`
  return {
    rows: [...rows(small, `${some} flags, ${megabytes(small)}`), ...rows(large, `${most} flags, ${megabytes(large)}`)],
    notes: [],
    wrong: []
  }
}

if (import.meta.main) await main("flagDocument", measure)
