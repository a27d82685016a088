/** Gates as people write them: `unhealthy < 2%, at least 3`, `errors/requests <= 1.5 * control`, `prometheus(https://…): <query> < 0.01`. Pure. */

import { ratioOf, spanOf, tidy } from "../text/Amounts.ts"
import { excerpt } from "../text/Excerpt.ts"
import { nearby } from "../text/Nearest.ts"
import type { Census, CensusGate, Gate, PrometheusGate, RateGate, TrackGate, WebhookGate } from "./Plan.ts"

const CENSUS: ReadonlyArray<Census> = ["rejected", "unhealthy", "lost", "slow"]

/** Distinct instances: one alone takes nothing back unless the plan says so. */
const AT_LEAST = 2
const COVERAGE = 0.9
const SLOW_MILLIS = 60_000
const ALPHA = 0.01
const MINIMUM = 100
const EVERY_MILLIS = 30_000
const TIMEOUT_MILLIS = 5_000
const TEXT = 2_000

const WRITE =
  "write unhealthy < 2%, rejected < 1%, lost < 1%, slow(30s) < 5%, errors/requests < 1%, prometheus(URL): QUERY < 0.01 or webhook(URL)"

/** What may stand behind a gate, each behind a comma. */
const options = {
  "at least": /^at least (\d{1,6})$/i,
  coverage: /^coverage (\S+)$/i,
  "dry run": /^dry[ -]?run$/i,
  alpha: /^alpha (\S+)$/i,
  minimum: /^minimum (\d{1,9})$/i,
  every: /^every (\S+)$/i,
  timeout: /^timeout (\S+)$/i
} as const
type Option = keyof typeof options

const LAST_OPTION = /^(.*?),\s*((?:at least|coverage|dry[ -]?run|alpha|minimum|every|timeout)\b[^,]*)$/is

type Said = Partial<Record<Option, string>>

/** The gate without its options, and those; a text says what is wrong. */
const split = (
  text: string,
  allowed: ReadonlyArray<Option>
): { readonly gate: string; readonly said: Said } | string => {
  const said: Said = {}
  let gate = text.trim()
  for (let found = LAST_OPTION.exec(gate); found !== null; found = LAST_OPTION.exec(gate)) {
    const one = found[2]!.trim()
    const name = (Object.keys(options) as Array<Option>).find((name) => options[name].test(one))
    if (name === undefined) return `${excerpt(one)} can't be read: write ${allowed.map(example).join(", ")}`
    if (!allowed.includes(name)) return `${name} says nothing to such a gate, which has ${allowed.join(", ")}`
    if (said[name] !== undefined) return `says ${name} twice`
    said[name] = options[name].exec(one)![1] ?? ""
    gate = found[1]!.trim()
  }
  return { gate, said }
}

const examples: Readonly<Record<Option, string>> = {
  "at least": "at least 3",
  coverage: "coverage 80%",
  "dry run": "dry run",
  alpha: "alpha 1%",
  minimum: "minimum 500",
  every: "every 30s",
  timeout: "timeout 5s"
}
const example = (name: Option): string => examples[name]

/** Reads each option; what is wrong is in `problem`, the first of it. */
const reader = (said: Said) => {
  let problem: string | undefined
  const read = (
    name: Option,
    otherwise: number,
    of: (text: string) => number | string,
    fits: (n: number) => boolean,
    bounds: string
  ) => {
    const text = said[name]
    if (text === undefined) return otherwise
    const found = of(text)
    if (typeof found === "string") problem ??= `${name}: ${found}`
    else if (fits(found)) return found
    else problem ??= `${name} has to be ${bounds}`
    return otherwise
  }
  return { read, problem: () => problem }
}

/** `< 2%`: whether equal is good makes no difference that anybody could see. */
const COMPARED = /^(.*?)\s*(<=|<)\s*(\S+)$/s

const census = (text: string): CensusGate | string => {
  const parts = split(text, ["at least", "coverage", "dry run"])
  if (typeof parts === "string") return parts
  const compared = COMPARED.exec(parts.gate)
  const [, what = "", , bound = ""] = compared ?? []
  const named = /^(\w+)(?:\(\s*(\S+?)\s*\))?$/.exec(what)
  const of = named?.[1]?.toLowerCase() as Census | undefined
  if (of === undefined || !CENSUS.includes(of)) return unknown(text)
  const within = named?.[2]
  if (within !== undefined && of !== "slow") return `only slow has a time: write ${of} < 2%, or slow(30s) < 5%`
  const withinMillis = within === undefined ? SLOW_MILLIS : spanOf(within)
  if (typeof withinMillis === "string") return withinMillis
  if (withinMillis === 0) return "slow(0s) would be every instance: write slow(30s)"
  const limit = ratioOf(bound)
  if (typeof limit === "string") return limit
  if (limit >= 1) return `${excerpt(bound)} would be true of any rollout: a limit is below 100%`
  const { read, problem } = reader(parts.said)
  const gate: CensusGate = {
    type: "census",
    text,
    of,
    limit,
    atLeast: read("at least", AT_LEAST, Number, (n) => n >= 1, "1 at least"),
    coverage: read("coverage", COVERAGE, ratioOf, () => true, "0% to 100%"),
    withinMillis: of === "slow" ? withinMillis : 0,
    dryRun: parts.said["dry run"] !== undefined
  }
  return problem() ?? gate
}

const METRIC = /^[A-Za-z_][\w.:-]{0,99}$/

/** `1.5 * control` */
const TIMES = /^(?:(\d{1,6}(?:\.\d{1,6})?)\s*[*x×]\s*)?control$/i

const rate = (text: string): RateGate | string => {
  const parts = split(text, ["alpha", "minimum", "dry run"])
  if (typeof parts === "string") return parts
  const compared = /^([^<>=/]+)\/([^<>=/]+?)\s*(<=|<)\s*(.+)$/s.exec(parts.gate)
  if (compared === null) return unknown(text)
  const [numerator, denominator, bound] = [compared[1]!.trim(), compared[2]!.trim(), compared[4]!.trim()]
  for (const name of [numerator, denominator])
    if (!METRIC.test(name)) return `${excerpt(name)} is no name of a counter: letters, digits, and _ . : - in between`
  const times = TIMES.exec(bound)
  const limit = times === null ? ratioOf(bound) : 0
  if (typeof limit === "string")
    return `${excerpt(bound)} is no bound of a rate: write errors/requests < 1%, or errors/requests <= 1.5 * control`
  if (times === null && (limit <= 0 || limit >= 1))
    return `a rate's limit is above 0% and below 100%, not ${excerpt(bound)}`
  const factor = times === null ? 1 : Number(times[1] ?? 1)
  if (factor < 1) return `${excerpt(bound)} asks for less than the control has: a factor is 1 at least`
  const { read, problem } = reader(parts.said)
  const gate: RateGate = {
    type: "rate",
    text,
    numerator,
    denominator,
    against: times === null ? { limit } : { control: tidy(factor) },
    alpha: read("alpha", ALPHA, ratioOf, (n) => n > 0 && n <= 0.2, "above 0% and at most 20%"),
    minimum: read("minimum", MINIMUM, Number, (n) => n >= 1, "1 at least"),
    dryRun: parts.said["dry run"] !== undefined
  }
  return problem() ?? gate
}

/** A name of an event, as clients track it. */
const EVENT = /^[^\s()][^()]{0,99}$/

const track = (text: string): TrackGate | string => {
  const parts = split(text, ["alpha", "minimum", "every", "dry run"])
  if (typeof parts === "string") return parts
  const found = /^track\(([^()]*)\)\s*(<=|>=|<|>)\s*([^<>=\s][^<>=]*)$/i.exec(parts.gate)
  if (found === null)
    return `${excerpt(text)} can't be read: write track(checkout) >= 0.9 * control, or track(error) < 1%`
  const [event, is, bound] = [found[1]!.trim(), found[2]!.startsWith("<") ? "<=" : ">=", found[3]!.trim()] as const
  if (!EVENT.test(event)) return `${excerpt(event)} is no name of an event, such as checkout`
  const times = TIMES.exec(bound)
  const limit = times === null ? ratioOf(bound) : 0
  if (typeof limit === "string") return `${excerpt(bound)} is no share of people: write 0.9 * control, or 5%`
  if (times === null && is === ">=")
    return `whoever was shown it just now has not done anything yet: compare with the others, track(${event}) >= 0.9 * control`
  if (times === null && (limit <= 0 || limit >= 1))
    return `a share of people is above 0% and below 100%, not ${excerpt(bound)}`
  const factor = times === null ? 1 : Number(times[1] ?? 1)
  if (!(is === "<=" ? factor >= 1 : factor > 0 && factor <= 1))
    return is === "<="
      ? `${excerpt(bound)} asks for less than the control has: a factor is 1 at least`
      : `${excerpt(bound)} asks for more than the control has: behind >= a factor is 1 at most`
  const { read, problem } = reader(parts.said)
  const gate: TrackGate = {
    type: "track",
    text,
    event,
    is,
    against: times === null ? { limit } : { control: tidy(factor) },
    alpha: read("alpha", ALPHA, ratioOf, (n) => n > 0 && n <= 0.2, "above 0% and at most 20%"),
    minimum: read("minimum", MINIMUM, Number, (n) => n >= 1, "1 at least"),
    everyMillis: read("every", EVERY_MILLIS, spanOf, (n) => n >= 5_000, "5s at least"),
    dryRun: parts.said["dry run"] !== undefined
  }
  return problem() ?? gate
}

const URLS = /^https?:\/\//i

/** Both kinds that ask somebody else. */
const asked = (text: string, said: Said) => {
  const { read, problem } = reader(said)
  const everyMillis = read("every", EVERY_MILLIS, spanOf, (n) => n >= 1_000, "1s at least")
  const timeoutMillis = read("timeout", TIMEOUT_MILLIS, spanOf, (n) => n >= 100 && n <= 30_000, "1s to 30s")
  return { of: { text, everyMillis, timeoutMillis, dryRun: said["dry run"] !== undefined }, problem: problem() }
}

const urlProblem = (url: string): string | undefined => {
  if (!URL.canParse(url) || !URLS.test(url)) return `${excerpt(url)} is no URL: write https://…`
  const { username, password } = new URL(url)
  return username + password === ""
    ? undefined
    : "a URL with a user's name or password would be shown to everybody who may read the rollout: leave them out"
}

const prometheus = (text: string): PrometheusGate | string => {
  const parts = split(text, ["every", "timeout", "dry run"])
  if (typeof parts === "string") return parts
  const wrong = `${excerpt(text)} can't be read: write prometheus(https://host:9090): QUERY < 0.01`
  const [head, url = ""] = /^prometheus\(\s*(\S+?)\s*\)\s*:/i.exec(parts.gate) ?? []
  if (head === undefined) return wrong
  // PQ3: behind the last sign is a number, so only that one can be meant.
  const said = parts.gate.slice(head.length)
  const at = Math.max(said.lastIndexOf("<"), said.lastIndexOf(">"))
  const is = said.slice(at, said[at + 1] === "=" ? at + 2 : at + 1)
  const query = said.slice(0, Math.max(0, at)).trim()
  const [, number, percent] = /^(-?\d[\d.e+-]*)\s*(%?)$/i.exec(said.slice(at + is.length).trim()) ?? []
  if (query === "" || number === undefined) return wrong
  const limit = Number(number) / (percent === "%" ? 100 : 1)
  if (!Number.isFinite(limit)) return `${excerpt(number!)} is no number`
  const { of, problem } = asked(text, parts.said)
  // What is asked is put behind it: nobody is to make another question of that.
  if (/[?#]/.test(url)) return `${excerpt(url)} has a ? or a #: name the server alone, as in https://host:9090`
  return (
    urlProblem(url) ??
    problem ?? { type: "prometheus", url, query, is: is as PrometheusGate["is"], limit: tidy(limit), ...of }
  )
}

const webhook = (text: string): WebhookGate | string => {
  const parts = split(text, ["every", "timeout", "dry run"])
  if (typeof parts === "string") return parts
  const url = /^webhook\(\s*(\S+?)\s*\)$/i.exec(parts.gate)?.[1]
  if (url === undefined) return `${excerpt(text)} can't be read: write webhook(https://…)`
  const { of, problem } = asked(text, parts.said)
  return urlProblem(url) ?? problem ?? { type: "webhook", url, ...of }
}

const unknown = (text: string): string => {
  const word = /^\s*(\w+)/.exec(text)?.[1] ?? ""
  const near = nearby(word, [...CENSUS, "track", "prometheus", "webhook"])
  const meant = near.length === 0 || near[0] === word ? "" : `; is ${near[0]} meant?`
  return `${excerpt(text)} is no gate${meant} ${meant === "" ? ": " : ""}${WRITE}`.replace(" : ", ": ")
}

/** What is wrong is a text. */
export const gateOf = (text: string): Gate | string => {
  if (text.length > TEXT) return `a gate is at most ${TEXT} characters long`
  if (/^\s*prometheus\b/i.test(text)) return prometheus(text)
  if (/^\s*webhook\b/i.test(text)) return webhook(text)
  if (/^\s*track\s*\(/i.test(text)) return track(text)
  return /^[^<>=]*\//.test(text) ? rate(text) : census(text)
}

/** Where a plan says none. That instances say how they are is nothing that every application does. */
export const defaultGates = ["rejected < 1%", "lost < 1%", "unhealthy < 2%, coverage 0%"] as const
