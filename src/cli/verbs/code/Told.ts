/** How a plan is told. Tokens in the values that it changes are not: logs of pipelines keep it. Pure. TU2 in Secrets.ts */
import type { Validated } from "../../../edge/http/configuration/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { withoutTokens } from "../../../text/Secrets.ts"
import { SOME, shortened, showDifference, type WireDifference } from "../../DiffView.ts"
import type { Paint } from "../../Paint.ts"
import type { Plan, Step } from "./Plan.ts"

/** A plan for an environment, and how what it changes differs. */
export interface Planned {
  readonly environment: string
  readonly plan: Plan
  /** By name; of those that the server was asked for. */
  readonly differences: ReadonlyMap<string, WireDifference>
  /** Connected clients that would get it, by name. */
  readonly clients: ReadonlyMap<string, number>
  /** Differences that are painted already, by name. */
  readonly painted?: ReadonlyMap<string, string>
}

export const count = (n: number): string => n.toLocaleString("en-US")

/** What a dry run said, by names. */
export const saidOf = (answers: ReadonlyArray<Validated>): Pick<Planned, "differences" | "clients"> => {
  const differences = new Map<string, WireDifference>()
  const clients = new Map<string, number>()
  for (const { changes, flags = [], segments = [] } of answers) {
    for (const { key, difference, clients: its } of changes) {
      differences.set(key, difference)
      clients.set(key, its)
    }
    for (const { flag, difference } of flags) differences.set(`@flag/${flag}`, difference)
    for (const { segment, difference } of segments) differences.set(`@segment/${segment}`, difference)
  }
  return { differences, clients }
}

const signs = { create: "+", update: "~", delete: "-" } as const
const words = { create: "new", update: "", delete: "deleted" } as const

const indented = (text: string): string => text.replaceAll(/^/gm, "      ")

const lineOf = ({ name, action, parts }: Step, planned: Planned, paint: Paint): string => {
  const { differences, clients, painted } = planned
  const colour = { create: paint.green, update: paint.yellow, delete: paint.red }[action]
  const how = action === "update" ? parts.join(", ") : words[action]
  const its = clients.get(name) ?? 0
  const who = its === 0 ? "" : paint.dim(`  ${count(its)} ${its === 1 ? "client" : "clients"}`)
  const difference = differences.get(name)
  const told =
    difference === undefined || difference.kind === "none" || action === "delete"
      ? painted?.get(name)
      : showDifference(difference, paint)
  const shown = told === undefined ? "" : `\n${indented(shortened(told, SOME, paint))}`
  return `  ${colour(`${signs[action]} ${printable(name)}`)}  ${how}${who}${shown}`
}

export const numbersOf = ({ steps, unchanged }: Plan) => {
  const of = (action: Step["action"]) => steps.filter((step) => step.action === action).length
  return { create: of("create"), update: of("update"), delete: of("delete"), unchanged }
}

export const summary = (plan: Plan): string => {
  const { create, update, delete: gone, unchanged } = numbersOf(plan)
  return `${count(create)} to create, ${count(update)} to update, ${count(gone)} to delete, ${count(unchanged)} unchanged`
}

/** Lines of a plan that are shown. */
const SHOWN = 500

export const planTold = (planned: Planned, paint: Paint): string => withoutTokens(linesOf(planned, paint))

const linesOf = (planned: Planned, paint: Paint): string => {
  const { environment, plan } = planned
  const left = plan.steps.length - SHOWN
  return [
    `${paint.bold(printable(environment))}: ${summary(plan)}`,
    ...plan.steps.slice(0, SHOWN).map((step) => lineOf(step, planned, paint)),
    ...(left > 0 ? [paint.dim(`  … ${count(left)} more`)] : [])
  ].join("\n")
}

/** The same for programs. */
export const planJson = ({ environment, plan, differences }: Planned) => ({
  environment,
  ...numbersOf(plan),
  changes: plan.steps.map(({ name, action, version, parts }) => ({
    name,
    action,
    version,
    ...(action === "update" ? { parts } : {}),
    ...(differences.has(name) ? { difference: JSON.parse(withoutTokens(JSON.stringify(differences.get(name)))) } : {})
  }))
})
