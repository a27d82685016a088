/** `herald rollout plan set|list|show|remove|require|allow`: plans of an environment, and which keys ask for one. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { HeraldError } from "../../../errors/HeraldError.ts"
import { isPlanName } from "../../../plans/Policy.ts"
import { readPlan } from "../../../plans/ReadPlan.ts"
import { stageText } from "../../../plans/ReadStages.ts"
import { spanText } from "../../../text/Amounts.ts"
import { printable } from "../../../text/Printable.ts"
import { usage } from "../../CliFailure.ts"
import { env, invocation, optionalText } from "../../Globals.ts"
import { readFile } from "../../Input.ts"
import { TEXT, table } from "../../Table.ts"
import { documentOf } from "../configuration/ReleaseFile.ts"
import { planFlags, planOf } from "./Asking.ts"
import { change, changing, read } from "./PolicyDocument.ts"

const name = Argument.String("name").pipe(Argument.withDescription("The plan's name"))

const set = Command.make(
  "set",
  {
    name,
    file: optionalText("file", "The plan as YAML or JSON instead of flags; - for standard input", "path"),
    ...planFlags,
    ...changing
  },
  Effect.fn("Plan.set")(function* ({ name, file, env, message, idempotencyKey, ...given }) {
    const here = yield* invocation
    if (!isPlanName(name))
      return yield* usage(`${name} is no name of a plan`, "Small letters, digits, and - _ . in between.")
    if (given.plan !== undefined) return yield* usage("--plan is what is set here", "Give its stages.")
    const text = file === undefined ? undefined : yield* readFile(file)
    const said = text === undefined ? { document: yield* planOf(given) } : documentOf(file!, text)
    if (said instanceof Error) return yield* said
    const plan = readPlan(said.document, name)
    if (plan instanceof HeraldError) return yield* usage(plan.message, "Correct what the message names.")
    const environment = here.environment(env)
    const document = said.document as Readonly<Record<string, unknown>>
    yield* change(here, environment, { message, idempotencyKey }, (policy) => ({
      ...policy,
      plans: { ...policy.plans, [name]: document }
    }))
    yield* here.emit(document, (paint) =>
      [
        `${paint.green("set")} ${paint.bold(printable(name))} in ${printable(environment)}: ${printable(plan.stages.map(stageText).join(", "))}`,
        paint.dim(`use it: herald publish <key> <value> --rollout ${printable(name)} --env ${printable(environment)}`)
      ].join("\n")
    )
  })
).pipe(
  Command.withDescription("Give an environment a plan by a name"),
  Command.withExamples([
    {
      command: "herald rollout plan set careful --stages 1%,10%,50%,100% --bake 10m",
      description: "For --rollout careful"
    }
  ])
)

const list = Command.make(
  "list",
  { env },
  Effect.fn("Plan.list")(function* ({ env }) {
    const here = yield* invocation
    const environment = here.environment(env)
    const { document } = yield* read(here, environment)
    const { plans = {}, required = [] } = document
    const rows = Object.entries(plans).map(([name, said]) => ({ name, said, plan: readPlan(said) }))
    yield* here.emit(document, (paint) =>
      rows.length + required.length === 0
        ? `${printable(environment)} has no plan; make one with herald rollout plan set`
        : [
            table(
              rows,
              [
                { title: "PLAN", value: (row) => row.name, paint: () => paint.bold },
                {
                  title: "STAGES",
                  value: ({ plan }) => (plan instanceof HeraldError ? "?" : plan.stages.map(stageText).join(", ")),
                  text: TEXT
                },
                {
                  title: "GATES",
                  value: ({ plan }) =>
                    plan instanceof HeraldError ? "?" : plan.gates.map(({ text }) => text).join("; "),
                  text: TEXT
                },
                {
                  title: "REQUIRED FOR",
                  value: (row) => required.flatMap(({ keys, plan }) => (plan === row.name ? [keys] : [])).join(", "),
                  text: TEXT
                }
              ],
              paint,
              here.room
            ),
            ...required.flatMap(({ keys, plan }) =>
              plan === undefined ? [`${printable(keys)} is changed by a rollout only, of any plan`] : []
            )
          ].join("\n")
    )
  })
).pipe(
  Command.withDescription("List the plans of an environment, and the keys that ask for one"),
  Command.withExamples([{ command: "herald rollout plan list --env production", description: "By name" }])
)

const show = Command.make(
  "show",
  { name, env },
  Effect.fn("Plan.show")(function* ({ name, env }) {
    const here = yield* invocation
    const environment = here.environment(env)
    const { document } = yield* read(here, environment)
    const said = document.plans?.[name]
    if (said === undefined) return yield* missing(name, environment)
    const plan = readPlan(said, name)
    if (plan instanceof HeraldError) return yield* usage(plan.message, "Set it anew: herald rollout plan set.")
    yield* here.emit({ name, written: said, plan }, (paint) =>
      [
        `${paint.bold(printable(name))} in ${printable(environment)}`,
        table(
          plan.stages.map((stage, nth) => ({ stage, nth })),
          [
            { title: "STAGE", value: ({ nth }) => String(nth + 1), right: true },
            { title: "WHO", value: ({ stage }) => stageText(stage), text: TEXT },
            { title: "BAKES", value: ({ stage }) => spanText(stage.bakeMillis) },
            { title: "THEN", value: ({ stage }) => (stage.approval ? "a person promotes it" : "") }
          ],
          paint,
          here.room
        ),
        ...(plan.gates.length === 0 ? ["no gates"] : plan.gates.map(({ text }) => `gate  ${printable(text)}`)),
        paint.dim(
          `a stage may take ${spanText(plan.deadlineMillis)}, then ${plan.late}; patience ${spanText(plan.patienceMillis)}; lost after ${spanText(plan.lostAfterMillis)} or ${plan.crashes} crashes`
        )
      ].join("\n")
    )
  })
).pipe(
  Command.withDescription("Show a plan, with what was left out filled in"),
  Command.withExamples([{ command: "herald rollout plan show careful", description: "Whole" }])
)

const missing = (name: string, environment: string) =>
  usage(`there is no plan ${name} in ${environment}`, "See which there are: herald rollout plan list.")

const remove = Command.make(
  "remove",
  { name, ...changing },
  Effect.fn("Plan.remove")(function* ({ name, env, ...how }) {
    const here = yield* invocation
    const environment = here.environment(env)
    yield* change(here, environment, how, ({ plans = {}, required = [], ...more }) => {
      if (plans[name] === undefined) return missing(name, environment)
      const needs = required.find(({ plan }) => plan === name)
      if (needs !== undefined)
        return usage(
          `${needs.keys} asks for the plan ${name}`,
          `Let it go first: herald rollout plan allow '${needs.keys}'`
        )
      const { [name]: _, ...rest } = plans
      return { ...more, required, plans: rest }
    })
    yield* here.emit(
      { removed: name, environment },
      (paint) => `${paint.green("removed")} ${paint.bold(printable(name))} from ${printable(environment)}`
    )
  })
).pipe(
  Command.withDescription("Take a plan away; rollouts that it began go on as they are"),
  Command.withExamples([
    { command: "herald rollout plan remove careful", description: "Refused while keys ask for it" }
  ])
)

const keys = Argument.String("keys").pipe(
  Argument.withDescription("A key, all below one (payments.*), all (*), or of flags @flag/payments.* and @flag/*")
)

const require = Command.make(
  "require",
  {
    keys,
    plan: optionalText("plan", "By this plan; by any unless given", "name"),
    ...changing
  },
  Effect.fn("Plan.require")(function* ({ keys, plan, env, ...how }) {
    const here = yield* invocation
    const environment = here.environment(env)
    yield* change(here, environment, how, ({ plans = {}, required = [], ...more }) => {
      if (plan !== undefined && plans[plan] === undefined) return missing(plan, environment)
      const others = required.filter((one) => one.keys !== keys)
      return { ...more, plans, required: [...others, { keys, ...(plan === undefined ? {} : { plan }) }] }
    })
    yield* here.emit({ keys, plan: plan ?? null, environment }, (paint) =>
      [
        `${paint.green("required")}: ${paint.bold(printable(keys))} in ${printable(environment)} is changed by a rollout only${plan === undefined ? "" : `, of the plan ${printable(plan)}`}`,
        paint.dim('in an emergency: herald publish … --break-glass "why"')
      ].join("\n")
    )
  })
).pipe(
  Command.withDescription("Let such keys be changed by a rollout only: nobody publishes to everyone at once"),
  Command.withExamples([
    { command: "herald rollout plan require 'payments.*' --plan careful", description: "Everything below payments" }
  ])
)

const allow = Command.make(
  "allow",
  { keys, ...changing },
  Effect.fn("Plan.allow")(function* ({ keys, env, ...how }) {
    const here = yield* invocation
    const environment = here.environment(env)
    yield* change(here, environment, how, ({ required = [], ...more }) =>
      required.some((one) => one.keys === keys)
        ? { ...more, required: required.filter((one) => one.keys !== keys) }
        : usage(`${keys} in ${environment} asks for no plan`, "See what does: herald rollout plan list.")
    )
    yield* here.emit(
      { keys, environment },
      (paint) =>
        `${paint.green("allowed")}: ${paint.bold(printable(keys))} in ${printable(environment)} may be published at once`
    )
  })
).pipe(
  Command.withDescription("Let such keys be published at once again"),
  Command.withExamples([{ command: "herald rollout plan allow 'payments.*'", description: "As it was before require" }])
)

export const plan = Command.make("plan").pipe(
  Command.withDescription("Plans of an environment, and which keys ask for one"),
  Command.withSubcommands([set, list, show, remove, require, allow])
)
