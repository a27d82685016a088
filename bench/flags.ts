/**
 * Evaluations of flags in this process, a processor second: Herald's evaluator, and @openfeature/flagd-core in the same run, over the same
 * 1,000 contexts, 20 flags of each rule in turns. What both answer is compared.
 *
 *   node bench/flags.ts        --short: a tenth of the evaluations
 */
import { FlagdCore } from "@openfeature/flagd-core"
import { Result } from "effect"
import { Flag, type HowToEvaluate } from "../src/evaluation/Evaluator.ts"
import { readDefinition } from "../src/evaluation/ReadDefinition.ts"
import { main, type Options, type Report, repeat } from "./support/Report.ts"

const FLAGS = 20
const CONTEXTS = 1_000

/** Each flag with constants of its own, so that nothing is shared between them. */
export const rules: Readonly<Record<string, (n: number) => unknown>> = {
  "plain comparison": (n) => ({ if: [{ "==": [{ var: "plan" }, n % 2 === 0 ? "pro" : "free"] }, "on", "off"] }),
  "list + version + suffix + fractional": (n) => ({
    if: [
      {
        and: [
          { in: [{ var: "country" }, ["de", "at", "ch"]] },
          { sem_ver: [{ var: "version" }, ">=", `1.${n % 4}.0`] },
          { ends_with: [{ var: "email" }, "@example.com"] }
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
  }),
  "ten branches": (n) => ({
    if: [...Array.from({ length: 10 }, (_, at) => [{ "==": [{ var: "age" }, at * 7 + n] }, "on"]).flat(), "off"]
  })
}
const reaches: Readonly<Record<string, string>> = {
  "plain comparison": "≥ 3,000,000",
  "list + version + suffix + fractional": "≥ 1,000,000",
  "ten branches": ""
}

/** Texts as they come out of a request: each context with its own. */
export const contexts: ReadonlyArray<Record<string, unknown>> = JSON.parse(
  JSON.stringify(
    Array.from({ length: CONTEXTS }, (_, n) => ({
      targetingKey: `user-${n * 7_919}`,
      plan: n % 2 === 0 ? "pro" : "free",
      country: ["de", "at", "fr", "ch"][n % 4],
      version: `1.${n % 5}.${n % 7}`,
      email: `user${n}@${n % 3 === 0 ? "other.org" : "example.com"}`,
      age: n % 90
    }))
  )
)

const quiet = { error() {}, warn() {}, info() {}, debug() {} }
const how: HowToEvaluate = { bucketing: "v2", ruleOf: () => undefined, flagOf: () => undefined, now: Date.now }

/** Evaluations a second of this thread's processor. */
const rate = (times: number, evaluate: (flag: number, context: number) => boolean) => {
  let on = 0
  const before = process.threadCpuUsage()
  for (let n = 0; n < times; n++) if (evaluate(n % FLAGS, n % CONTEXTS)) on++
  const { user, system } = process.threadCpuUsage(before)
  return { rate: (times / (user + system)) * 1e6, on }
}

const measureOnce = (what: string, times: number, wrong: Array<string>) => {
  const definitions = Array.from({ length: FLAGS }, (_, n) => ({
    state: "ENABLED",
    variants: { on: true, off: false },
    defaultVariant: "off",
    targeting: rules[what]!(n)
  }))
  const flags = definitions.map((one, n) => {
    const read = readDefinition(JSON.stringify(one))
    return new Flag(`flag-${n}`, Result.getOrThrow(read), how)
  })
  const core = new FlagdCore(undefined, quiet)
  core.setConfigurations(JSON.stringify({ flags: Object.fromEntries(definitions.map((one, n) => [`flag-${n}`, one])) }))
  const names = flags.map(({ key }) => key)
  const ours = (flag: number, context: number) => flags[flag]!.evaluate(contexts[context]!).value === true
  const theirs = (flag: number, context: number) =>
    core.resolveBooleanEvaluation(names[flag]!, false, contexts[context] as never, quiet).value
  for (let n = 0; n < FLAGS * CONTEXTS; n++) {
    const [flag, context] = [n % FLAGS, Math.floor(n / FLAGS)]
    if (ours(flag, context) !== theirs(flag, context))
      wrong.push(`${what}: flag ${flag} and context ${context} are answered differently`)
  }
  rate(times / 10, ours)
  rate(times / 40, theirs)
  return { ours: rate(times, ours).rate, theirs: rate(times / 10, theirs).rate }
}

const measure = async ({ short, runs }: Options): Promise<Report> => {
  const wrong: Array<string> = []
  const rows: Array<Report["rows"][number]> = []
  for (const what of Object.keys(rules)) {
    const found = await repeat(runs, async () => measureOnce(what, short ? 1_000_000 : 10_000_000, wrong))
    const row = (name: string, reach: string, unit: string, values: ReadonlyArray<number>) =>
      rows.push({ what: `${what}, ${name}`, reach, unit, values })
    row(
      "evaluations",
      reaches[what]!,
      "/s",
      found.map(({ ours }) => ours)
    )
    row(
      "@openfeature/flagd-core",
      "",
      "/s",
      found.map(({ theirs }) => theirs)
    )
    row(
      "times flagd-core",
      reaches[what] === "" ? "" : "≥ 2",
      "×",
      found.map(({ ours, theirs }) => ours / theirs)
    )
  }
  return { rows, notes: ["a second of one processor, by the thread's own clock; both compiled and warm"], wrong }
}

if (import.meta.main) await main("flags", measure)
