/** Stages as people write them: `1% for 5m, region=eu:10% approve, 100%`. Pure. */
import { pointed } from "../evaluation/Definition.ts"
import { spanOf, tidy, written } from "../text/Amounts.ts"
import { excerpt } from "../text/Excerpt.ts"
import { limits, type Share, type Stage } from "./Plan.ts"

/** What stages have that do not say otherwise. */
export interface StageDefaults {
  readonly bakeMillis: number
  readonly approval: boolean
}
type Say = (at: string, problem: string) => void

const WRITE =
  "write 10%, 5 (so many instances), region=eu, region=eu&tier=canary:10% or @web-1+web-2, and behind it `for 5m` or `approve`"
const SHARE = /^(\d{1,3}(?:\.\d{1,6})?|\.\d{1,6})\s*%$/
const COUNT = /^\d{1,9}$/

/** A share, or what is wrong. */
const shareOf = (text: string): Share | string => {
  const percent = SHARE.exec(text)?.[1]
  if (percent !== undefined) {
    const number = Number(percent)
    return number > 0 && number <= 100
      ? { percent: tidy(number) }
      : `${text} is no part of a hundred: it is above 0% and at most 100%`
  }
  if (!COUNT.test(text)) return `${excerpt(text)} is no share: ${WRITE}`
  return Number(text) > 0 ? { count: Number(text) } : "0 instances are no stage: give 1 at least"
}

interface Whom {
  readonly where: Stage["where"]
  readonly instances: Stage["instances"]
}
const ANYBODY: Whom = { where: {}, instances: undefined }

/** `region=eu&tier=canary`, `@web-1+web-2`; or what is wrong. */
const whomOf = (text: string): Whom | string => {
  if (text.startsWith("@")) {
    const instances = text
      .slice(1)
      .split("+")
      .map((name) => name.trim())
    return instances.every((name) => name !== "")
      ? { where: {}, instances }
      : `${excerpt(text)} names nobody: write @web-1+web-2`
  }
  const where: Array<readonly [string, string]> = []
  for (const pair of text.split("&")) {
    const at = pair.indexOf("=")
    if (at < 1) return `${excerpt(pair)} is no label: ${WRITE}`
    where.push([pair.slice(0, at).trim(), pair.slice(at + 1).trim()])
  }
  return { where: Object.fromEntries(where), instances: undefined } // own members, whatever they are called
}

const isShare = (text: string): boolean => SHARE.test(text) || COUNT.test(text)

const fromText = (text: string, at: string, defaults: StageDefaults, say: Say): Stage | undefined => {
  // PQ3: from its end, a word at a time.
  const approval = /\s(?:approve|approval)$/i.exec(text.trim())
  const before = text.trim().slice(0, approval?.index).trimEnd()
  const span = /\sfor\s+(\S+)$/i.exec(before)
  const [what, bake] = [before.slice(0, span?.index).trimEnd(), span?.[1]]
  const wrong = (problem: string): undefined => void say(at, problem)
  if (what === "") return wrong(`a stage is missing: ${WRITE}`)
  const bakeMillis = bake === undefined ? defaults.bakeMillis : spanOf(bake)
  if (typeof bakeMillis === "string") return wrong(bakeMillis)
  const colon = what.lastIndexOf(":")
  const behind = colon < 0 ? "" : what.slice(colon + 1).trim()
  // A label may have a colon of its own.
  const [named, part] = isShare(what)
    ? ["", what]
    : isShare(behind)
      ? [what.slice(0, colon).trim(), behind]
      : [what, "100%"]
  const share = !/[=@]/.test(what) ? shareOf(what) : shareOf(part)
  if (typeof share === "string") return wrong(share)
  const whom = named === "" ? ANYBODY : whomOf(named)
  if (typeof whom === "string") return wrong(whom)
  return { ...whom, share, bakeMillis, approval: approval !== null || defaults.approval }
}

const MEMBERS = ["share", "where", "instances", "bake", "approval"]

const isTexts = (said: unknown): said is ReadonlyArray<string> =>
  Array.isArray(said) && said.length > 0 && said.every((one) => typeof one === "string" && one !== "")

const fromMembers = (
  said: Readonly<Record<string, unknown>>,
  at: string,
  defaults: StageDefaults,
  say: Say
): Stage | undefined => {
  const { share = "100%", where = {}, instances, bake, approval = defaults.approval } = said
  const before: Array<string> = []
  const wrong = (name: string, problem: string) => {
    before.push(name)
    say(pointed(at, name), problem)
  }
  for (const name of Object.keys(said))
    if (!MEMBERS.includes(name)) wrong(name, `is not known: a stage has ${MEMBERS.join(", ")}`)
  const part = shareOf(written(share))
  if (typeof part === "string") wrong("share", part)
  const labels = where as Readonly<Record<string, unknown>>
  if (
    typeof where !== "object" ||
    where === null ||
    Array.isArray(where) ||
    Object.values(labels).some((one) => typeof one !== "string")
  )
    wrong("where", "has to be labels with texts, such as region: eu")
  if (instances !== undefined && !isTexts(instances)) wrong("instances", "has to be a list of names of instances")
  const bakeMillis = bake === undefined ? defaults.bakeMillis : spanOf(written(bake))
  if (typeof bakeMillis === "string") wrong("bake", bakeMillis)
  if (typeof approval !== "boolean") wrong("approval", "has to be true or false")
  if (before.length > 0) return undefined
  return {
    where: labels as Stage["where"],
    instances: instances as Stage["instances"],
    share: part as Share,
    bakeMillis: bakeMillis as number,
    approval: approval as boolean
  }
}

/** Whom a stage names, as one text: those of the same text are compared. */
const namedIn = ({ where, instances }: Stage): string =>
  JSON.stringify([Object.entries(where).sort(), instances === undefined ? null : [...instances].sort()])

/** PQ1: one that adds nobody is a mistake. */
const useless = (stages: ReadonlyArray<Stage>, nth: number): string | undefined => {
  const { share } = stages[nth]!
  const named = namedIn(stages[nth]!)
  for (const [before, one] of stages.slice(0, nth).entries()) {
    const all = "percent" in one.share && one.share.percent === 100
    if (all && Object.keys(one.where).length === 0 && one.instances === undefined)
      return `adds nobody: stage ${before + 1} has everyone already`
    if (namedIn(one) !== named) continue
    const fewer =
      ("percent" in share && "percent" in one.share && share.percent <= one.share.percent) ||
      ("count" in share && "count" in one.share && share.count <= one.share.count)
    if (all || fewer)
      return `adds nobody: stage ${before + 1} has them already, and each stage has to have more than those before it`
  }
  return undefined
}

/** What is said of stages: one text with commas, or a list of texts and of members. What is wrong is said. */
export const readStages = (said: unknown, at: string, defaults: StageDefaults, say: Say): ReadonlyArray<Stage> => {
  const list = typeof said === "string" ? said.split(",") : typeof said === "number" ? [String(said)] : said
  if (!Array.isArray(list) || list.length === 0) {
    say(at, `there is no stage: ${WRITE}`)
    return []
  }
  if (list.length > limits.stages) {
    say(at, `there are ${list.length} stages; at most ${limits.stages} are allowed`)
    return []
  }
  const stages: Array<Stage> = []
  for (const [nth, one] of (list as ReadonlyArray<unknown>).entries()) {
    const here = pointed(at, String(nth + 1))
    const stage =
      typeof one === "string" || typeof one === "number"
        ? fromText(String(one), here, defaults, say)
        : typeof one === "object" && one !== null
          ? fromMembers(one as Readonly<Record<string, unknown>>, here, defaults, say)
          : void say(here, `is no stage: ${WRITE}`)
    if (stage === undefined) continue
    stages.push(stage)
    if ((stage.instances?.length ?? 0) > limits.instances) say(here, `names more than ${limits.instances} instances`)
    const none = stages.length === nth + 1 ? useless(stages, nth) : undefined
    if (none !== undefined) say(here, none)
  }
  return stages
}

/** As it would be written: "region=eu:10%". */
export const stageText = ({ where, instances, share }: Stage): string => {
  const labels = Object.entries(where).map(([name, value]) => `${name}=${value}`)
  const names =
    instances === undefined ? [] : [instances.length > 3 ? `@${instances.length} named` : `@${instances.join("+")}`]
  const part = "percent" in share ? `${share.percent}%` : String(share.count)
  const whom = [...names, ...labels].join("&")
  if (whom === "") return part
  return part === "100%" ? whom : `${whom}:${part}`
}
