/**
 * Reads what people write of a plan, on a command line and in a file, and makes it whole (PQ2). What is wrong is told of at once, all of it, with
 * where it is and what would be right instead. Pure.
 */

import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { type Problem, pointed, told } from "../evaluation/Definition.ts"
import { isMembers } from "../evaluation/Json.ts"
import { ratioOf, spanOf, written } from "../text/Amounts.ts"
import { excerpt } from "../text/Excerpt.ts"
import { nearby } from "../text/Nearest.ts"
import { type Gate, limits, type Plan, type Stage, type Window } from "./Plan.ts"
import { defaultGates, gateOf } from "./ReadGates.ts"
import { readStages } from "./ReadStages.ts"
import { windowsOf } from "./ReadWindows.ts"

/** As JSON has it; `readPlan` takes anything. */
export interface PlanText {
  /** `1%,10%,50%,100%`; or a list of such stages, or of their members. */
  readonly stages?: string | ReadonlyArray<unknown> | undefined
  /** Of stages that say none: `5m`. */
  readonly bake?: string | undefined
  /** Of stages that don't say. */
  readonly approval?: boolean | undefined
  /** `unhealthy < 2%`; an empty list: none. Left out: `defaultGates`. */
  readonly gates?: ReadonlyArray<string> | undefined
  readonly deadline?: string | undefined
  readonly late?: string | undefined
  readonly applied?: string | undefined
  readonly lostAfter?: string | undefined
  readonly crashes?: number | undefined
  readonly patience?: string | undefined
  /** `Mon-Fri 09:00-16:00 UTC`; or several. */
  readonly windows?: string | ReadonlyArray<string> | undefined
  /** The variant of the one flag whose share of contexts is raised. */
  readonly raise?: string | undefined
}

const MEMBERS = [
  "stages",
  "bake",
  "approval",
  "gates",
  "deadline",
  "late",
  "applied",
  "lostAfter",
  "crashes",
  "patience",
  "windows",
  "raise"
] as const

export const defaults = {
  bake: "5m",
  deadline: "10m",
  late: "pause",
  applied: "90%",
  lostAfter: "90s",
  crashes: 3,
  patience: "10m"
} as const

/** As JSON escapes what no text of a database has: U+0000 and halves of pairs. */
const UNSTORABLE = /(?:^|[^\\])(?:\\\\)*\\u(?:0000|d[89a-f])/i

const TOO_LARGE = `is larger than ${limits.plan} characters`
const isTooLarge = (plan: unknown): boolean => JSON.stringify(plan).length > limits.plan

/** What is wrong with a plan, as an `InvalidPlan`. `where`: of what it is said, for people. */
const refused = (problems: ReadonlyArray<Problem>, where: string): HeraldError =>
  failure("InvalidPlan", `${where}: ${problems.map(told).join("; ")}`, { details: { problems } })

/** The same text of the same plan, always. What is wrong is an `InvalidPlan`. */
export const readPlan = (said: unknown, where = "the plan"): Plan | HeraldError => {
  const problems: Array<Problem> = []
  const say = (at: string, problem: string): void => void problems.push({ at, problem })
  if (!isMembers(said)) return refused([{ at: "", problem: "has to be members such as stages and gates" }], where)
  if (isTooLarge(said)) return refused([{ at: "", problem: TOO_LARGE }], where)
  for (const name of Object.keys(said)) {
    if ((MEMBERS as ReadonlyArray<string>).includes(name)) continue
    const [near] = nearby(name, MEMBERS)
    say(
      pointed("", name),
      `is not known${near === undefined ? `: a plan has ${MEMBERS.join(", ")}` : `; is ${near} meant?`}`
    )
  }
  const span = (name: "bake" | "deadline" | "lostAfter" | "patience", least: number): number => {
    const text = said[name] ?? defaults[name]
    const millis = typeof text === "string" ? spanOf(text) : "is no duration: write 5m"
    if (typeof millis === "string") say(pointed("", name), millis)
    else if (millis < least) say(pointed("", name), `has to be ${least / 1_000}s at least`)
    else return millis
    return least
  }
  const bakeMillis = span("bake", 0)
  const { approval = false, late = defaults.late, crashes = defaults.crashes, raise } = said
  if (typeof approval !== "boolean") say("/approval", "has to be true or false")
  if (said["stages"] === undefined) say("/stages", "is missing: who gets it, in which order, such as 1%,10%,50%,100%")
  const stages: ReadonlyArray<Stage> =
    said["stages"] === undefined
      ? []
      : readStages(said["stages"], "/stages", { bakeMillis, approval: approval === true }, say)
  const then = written(late).replace(/[-_]/g, " ")
  if (then !== "pause" && then !== "roll back" && then !== "rollback")
    say("/late", `is ${excerpt(written(late))} and has to be pause, or roll back`)
  if (!Number.isInteger(crashes) || Number(crashes) < 1 || Number(crashes) > 1_000)
    say("/crashes", "has to be a whole number from 1 to 1000")
  const share = said["applied"] ?? defaults.applied
  const applied = ratioOf(written(share))
  if (typeof applied === "string") say("/applied", applied)
  if (raise !== undefined && (typeof raise !== "string" || raise === "" || raise.length > 100))
    say("/raise", "has to be the name of a variant")
  const gates = typeof raise === "string" ? gatesOfContexts(said["gates"], say) : gatesOfInstances(said["gates"], say)
  if (typeof raise === "string") raisable(stages, say)
  const plan: Plan = {
    stages,
    gates,
    deadlineMillis: span("deadline", 1_000),
    late: then === "pause" ? "pause" : "roll back",
    applied: typeof applied === "string" ? 0 : applied,
    lostAfterMillis: span("lostAfter", 1_000),
    crashes: typeof crashes === "number" ? crashes : 1,
    patienceMillis: span("patience", 1_000),
    windows: readWindows(said["windows"], say),
    ...(typeof raise === "string" ? { raise: { variant: raise } } : {})
  }
  if (UNSTORABLE.test(JSON.stringify(plan))) say("", "has a character that can't be stored: U+0000, or half of one")
  if (problems.length === 0 && isTooLarge(plan)) say("", TOO_LARGE)
  return problems.length > 0 ? refused(problems.slice(0, 20), where) : plan
}

/** Of contexts there are shares alone. */
const raisable = (stages: ReadonlyArray<Stage>, say: (at: string, problem: string) => void): void => {
  let before = 0
  for (const [nth, { where, instances, share }] of stages.entries()) {
    const at = `/stages/${nth + 1}`
    if (Object.keys(where).length > 0 || instances !== undefined || !("percent" in share))
      say(at, "a variant is raised for shares of contexts alone, such as 1%,10%,100%")
    else if (share.percent <= before) say(at, "raises nothing: each share has to be above the one before it")
    else before = share.percent
  }
}

/** Every instance has the flag of each stage, so what compares instances says nothing of who has the variant: no gate is the same as a good one. */
const gatesOfContexts = (said: unknown, say: (at: string, problem: string) => void): ReadonlyArray<Gate> => {
  const instead =
    "write track(checkout) >= 0.9 * control, prometheus(https://…): QUERY < 0.01 or webhook(https://…), or have a person approve each stage"
  if (said === undefined) {
    say("/gates", `is missing, and those of instances say nothing of a variant: ${instead}; an empty list for none`)
    return []
  }
  const gates = readGates(said, say)
  for (const [nth, gate] of gates.entries()) {
    const compares = gate.type === "census" || (gate.type === "rate" && "control" in gate.against)
    if (compares)
      say(`/gates/${nth + 1}`, `${excerpt(gate.text)} tells instances apart, which all have the flag: ${instead}`)
  }
  return gates
}

/** Who is shown what is known of variants, and of nothing else. */
const gatesOfInstances = (said: unknown, say: (at: string, problem: string) => void): ReadonlyArray<Gate> => {
  const gates = readGates(said, say)
  for (const [nth, gate] of gates.entries())
    if (gate.type === "track")
      say(
        `/gates/${nth + 1}`,
        `${excerpt(gate.text)} compares variants of a flag: give raise, or write errors/requests <= 1.5 * control`
      )
  return gates
}

const readGates = (said: unknown, say: (at: string, problem: string) => void): ReadonlyArray<Gate> => {
  const texts = said === undefined ? defaultGates : typeof said === "string" ? [said] : said
  if (!Array.isArray(texts)) {
    say("/gates", "has to be a list of gates such as unhealthy < 2%; an empty one for none")
    return []
  }
  if (texts.length > limits.gates) say("/gates", `has ${texts.length} gates; at most ${limits.gates} are allowed`)
  const gates: Array<Gate> = []
  const seen = new Set<string>()
  for (const [nth, text] of (texts as ReadonlyArray<unknown>).slice(0, limits.gates).entries()) {
    const at = `/gates/${nth + 1}`
    const gate = typeof text === "string" ? gateOf(text.trim()) : "is no text such as unhealthy < 2%"
    if (typeof gate === "string") say(at, gate)
    else if (seen.has(gate.text)) say(at, `${excerpt(gate.text)} is there twice`)
    else {
      seen.add(gate.text)
      gates.push(gate)
    }
  }
  return gates
}

const readWindows = (said: unknown, say: (at: string, problem: string) => void): ReadonlyArray<Window> => {
  const texts = said === undefined ? [] : typeof said === "string" ? said.split(",") : said
  if (!Array.isArray(texts)) {
    say("/windows", "has to be windows such as Mon-Fri 09:00-16:00 UTC")
    return []
  }
  const windows: Array<Window> = []
  for (const [nth, text] of (texts as ReadonlyArray<unknown>).entries()) {
    const found = typeof text === "string" ? windowsOf(text) : "is no text such as Mon-Fri 09:00-16:00 UTC"
    if (typeof found === "string") say(`/windows/${nth + 1}`, found)
    else windows.push(...found)
  }
  if (windows.length > limits.windows) say("/windows", "has too many of them")
  return windows.slice(0, limits.windows)
}
