/** What verbs that begin a rollout take, send and tell. */

import * as Flags from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import type { Look, RolloutPreview, Started } from "../../../edge/http/rollouts/Wire.ts"
import { isPlanName } from "../../../plans/Policy.ts"
import { usage } from "../../CliFailure.ts"
import { type Invocation, optionalInt, optionalText, yes } from "../../Globals.ts"
import { guardsOf, orSecondPerson } from "../../Guarded.ts"
import { waitingOf } from "../fleet/Wait.ts"
import { follow, pathOf } from "./Live.ts"
import { previewed, told } from "./Told.ts"

const several = (name: string, description: string, metavar: string) =>
  Flags.String(name).pipe(Flags.withDescription(description), Flags.withMetavar(metavar), Flags.between(0, 20))

const gate = several(
  "gate",
  "What has to hold, may be repeated: 'unhealthy < 2%', 'rejected < 1%, at least 3', 'errors/requests <= 1.5 * control', 'prometheus(URL): QUERY < 0.01'; otherwise rejected, lost and unhealthy",
  "gate"
)
const bake = optionalText("bake", "How long each stage has to be good: 5m unless given", "span")

/** Of verbs that publish. */
export const rolloutFlags = {
  rollout: optionalText(
    "rollout",
    "Stage by stage, and back by itself when a gate says so: 10%,50%,100%, or a plan's name",
    "stages"
  ),
  bake,
  gate,
  watch: yes("watch", "With --rollout: stay, and follow it to its end")
}

/** Of `rollout start`. */
export const planFlags = {
  stages: optionalText(
    "stages",
    "Who gets it in which order: 1%,10%,50%,100%; 5 (instances); region=eu:10%; @web-1+web-2; behind each `for 10m`, `approve`",
    "stages"
  ),
  plan: optionalText("plan", "A plan of the environment instead (herald rollout plan list)", "name"),
  bake,
  gate,
  noGates: yes("no-gates", "It goes on whatever instances say"),
  deadline: optionalText("deadline", "How long a stage may take until its instances have it: 10m unless given", "span"),
  late: Flags.Literals("late", ["pause", "rollback"]).pipe(
    Flags.withDescription("What happens then; pause unless given"),
    Flags.optional,
    Flags.map((one) => (one._tag === "Some" ? one.value : undefined))
  ),
  applied: optionalText(
    "applied",
    "Share of a stage's instances that has to have it before it bakes: 90% unless given",
    "share"
  ),
  lostAfter: optionalText(
    "lost-after",
    "An instance that got it and is gone for so long is lost: 90s unless given",
    "span"
  ),
  crashes: optionalInt(
    "crashes",
    "An instance that got it and broke its connection so often is lost: 3 unless given",
    "n"
  ),
  patience: optionalText("patience", "Evidence that is missing for longer pauses it: 10m unless given", "span"),
  raise: optionalText(
    "raise",
    "Of a flag as it is: the variant that more and more people get, by their targeting keys, wherever they are evaluated",
    "variant"
  ),
  window: several("window", "When stages may begin, may be repeated: 'Mon-Fri 09:00-16:00 UTC'", "window")
}

export interface PlanGiven {
  readonly stages: string | undefined
  readonly plan: string | undefined
  readonly bake: string | undefined
  readonly gate: ReadonlyArray<string>
  readonly noGates: boolean
  readonly deadline: string | undefined
  readonly late: "pause" | "rollback" | undefined
  readonly applied: string | undefined
  readonly lostAfter: string | undefined
  readonly crashes: number | undefined
  readonly patience: string | undefined
  readonly window: ReadonlyArray<string>
  readonly raise: string | undefined
}

/** What was given alone: the server fills in the rest. */
const membersOf = ({
  stages,
  bake,
  gate,
  noGates,
  deadline,
  late,
  applied,
  lostAfter,
  crashes,
  patience,
  window,
  raise
}: PlanGiven) =>
  Object.fromEntries(
    Object.entries({
      stages,
      bake,
      gates: noGates ? [] : gate.length === 0 ? undefined : gate,
      deadline,
      late: late === "rollback" ? "roll back" : late,
      applied,
      lostAfter,
      crashes,
      patience,
      raise,
      windows: window.length === 0 ? undefined : window
    }).filter(([, value]) => value !== undefined)
  )

/** The plan, or its name. */
export const planOf = (given: PlanGiven) => {
  const members = membersOf(given)
  if (given.noGates && given.gate.length > 0)
    return Effect.fail(usage("--gate and --no-gates can't both be given", "Leave one of them out."))
  if (given.plan === undefined && given.stages === undefined)
    return Effect.fail(
      usage("who is to get it in which order is missing", "Give --stages 1%,10%,50%,100%, or --plan and its name.")
    )
  if (given.plan === undefined) return Effect.succeed<unknown>(members)
  const others = Object.keys(members)
  return others.length === 0
    ? Effect.succeed<unknown>(given.plan)
    : Effect.fail(
        usage(
          `--plan names all of it, and ${others.join(", ")} would change it`,
          "Leave --plan or the other flags out."
        )
      )
}

export interface RolloutGiven {
  readonly rollout: string | undefined
  readonly bake: string | undefined
  readonly gate: ReadonlyArray<string>
  readonly watch: boolean
}

/** Of a verb that publishes; undefined: it is no rollout. */
export const rolloutOf = ({ rollout, bake, gate, watch }: RolloutGiven) => {
  if (rollout === undefined)
    return bake !== undefined || gate.length > 0 || watch
      ? Effect.fail(
          usage("--bake, --gate and --watch say how a rollout goes", "Give --rollout, too, or leave them out.")
        )
      : Effect.succeed<unknown>(undefined)
  const named = isPlanName(rollout) && !/^\d+$/.test(rollout)
  if (!named)
    return Effect.succeed<unknown>({
      stages: rollout,
      ...(bake === undefined ? {} : { bake }),
      ...(gate.length === 0 ? {} : { gates: gate })
    })
  return bake === undefined && gate.length === 0
    ? Effect.succeed<unknown>(rollout)
    : Effect.fail(usage(`${rollout} is a plan, which says --bake and --gate itself`, "Leave them out, or give stages."))
}

export interface Asked {
  readonly environment: string
  readonly plan: unknown
  readonly changes?: ReadonlyArray<object>
  readonly flags?: ReadonlyArray<object>
  readonly at?: string | undefined
  readonly file?: string | undefined
}

interface How {
  readonly message: string | undefined
  readonly idempotencyKey: string | undefined
  readonly breakGlass?: string | undefined
  readonly dryRun: boolean
  readonly watch: boolean
  readonly timeout?: string | undefined
}

/** Milliseconds of --timeout. */
export const timeoutOf = (timeout: string | undefined) =>
  timeout === undefined ? Effect.succeed(undefined) : waitingOf({ wait: true, timeout })

/** A freeze, or a window: who begins one is told at once that it does not begin now. */
const waitsOf = Effect.fnUntraced(function* (here: Invocation, { id, environment }: Started) {
  const query = { environment }
  const asked = yield* Effect.result(here.call({ method: "GET", path: pathOf(id), query, patient: false }))
  const found = asked._tag === "Success" ? (asked.success.body as Look) : undefined
  return found?.state === "scheduled" ? found.waits : ""
})

/** The variant that a plan raises; of a named one the server alone knows it. */
const raisedBy = (plan: unknown): string | undefined =>
  typeof plan === "object" && plan !== null && "raise" in plan ? String(plan.raise) : undefined

/** Begins it, tells of it and, where that is wanted, follows it. */
export const begin = Effect.fn("Rollout.begin")(function* (here: Invocation, asked: Asked, how: How) {
  const { dryRun, watch, message, breakGlass, idempotencyKey } = how
  const timeout = yield* timeoutOf(how.timeout)
  const body = Object.fromEntries(
    Object.entries({ ...asked, message, breakGlass }).filter(([, value]) => value !== undefined)
  )
  const answer = yield* here.call({
    method: "POST",
    path: "/v1/rollouts",
    query: { dryRun: dryRun || undefined },
    body,
    idempotencyKey,
    readOnly: dryRun
  })
  if (dryRun) {
    const found = answer.body as RolloutPreview
    yield* here.emit(found, (paint) => previewed(found, raisedBy(asked.plan), paint))
    return yield* orSecondPerson(here, guardsOf([found]), breakGlass)
  }
  const begun = answer.body as Started
  if (!watch) {
    const waits = here.format === "table" && begun.state === "scheduled" ? yield* waitsOf(here, begun) : ""
    return yield* here.emit(begun, (paint) => told("started", begun, paint, waits))
  }
  yield* follow(here, begun.environment, begun.id, timeout)
})
