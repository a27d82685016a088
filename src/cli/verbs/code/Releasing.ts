/**
 * From a plan to releases: what the server says of it, what a person says, and then each environment's release as a whole.
 *
 *   JR1  The server is asked about every part of the plan before anything is written; what it refuses of one environment stops all.
 *   JR2  An environment's changes are one release, all or none. More than one release holds are refused, unless several were asked for.
 *   JR4  With --request each environment's release is a change request of its own, and waits for a second person.
 *   JR3  Nobody is asked where nobody can answer: it takes --yes there.
 */

import * as Effect from "effect/Effect"
import type { Released } from "../../../edge/http/configuration/ReleaseWire.ts"
import type { Validated } from "../../../edge/http/configuration/Wire.ts"
import { kindIn } from "../../../keys/Name.ts"
import { printable } from "../../../text/Printable.ts"
import { RELEASE_CHANGES } from "../../../values/Limits.ts"
import { CliFailure, Told, usage } from "../../CliFailure.ts"
import { type Invocation, message, yes } from "../../Globals.ts"
import { guardsOf, orSecondPerson } from "../../Guarded.ts"
import { Shell } from "../../Shell.ts"
import { overFlags } from "../configuration/ChangeFlags.ts"
import { type Content, type Plan, releaseOf, type Step } from "./Plan.ts"
import { type Planned, planJson, planTold, saidOf } from "./Told.ts"

/** Bytes of the values of one release, and a little less than a server takes. */
const RELEASE_BYTES = 4_000_000
const TIMEOUT = 60_000

export const releaseFlags = {
  message,
  ...overFlags,
  parts: yes(
    "parts",
    "In as many releases as it takes, one after the other; what is released stays, though a later one is refused"
  ),
  yes: yes("yes", "Don't ask"),
  dryRun: yes("dry-run", "Check everything and say what would change, without writing")
}

export interface How {
  readonly message: string | undefined
  readonly force: boolean
  readonly breakGlass: string | undefined
  readonly parts: boolean
  readonly yes: boolean
  readonly dryRun: boolean
}

/** What is to become of an environment. */
export interface Intent {
  readonly environment: string
  readonly plan: Plan
  readonly contentOf: (name: string) => Effect.Effect<Content, CliFailure>
}

const encoder = new TextEncoder()

/** Flags need segments and each other: they come first, and are one release. */
const inOrder = (steps: ReadonlyArray<Step>): ReadonlyArray<Step> => [
  ...steps.filter(({ name }) => kindIn(name) !== ""),
  ...steps.filter(({ name }) => kindIn(name) === "")
]

/** JR2 */
const partsOf = Effect.fnUntraced(function* ({ environment, plan, contentOf }: Intent, several: boolean) {
  const parts: Array<Array<Step>> = []
  let bytes = 0
  for (const step of inOrder(plan.steps)) {
    const size = step.action === "delete" ? 0 : encoder.encode((yield* contentOf(step.name)).text).byteLength
    const part = parts.at(-1)
    if (part === undefined || part.length === RELEASE_CHANGES || bytes + size > RELEASE_BYTES) {
      if (part !== undefined && !several)
        return yield* usage(
          `${environment}: ${plan.steps.length} changes are more than one release holds, which is ${RELEASE_CHANGES} changes and ${RELEASE_BYTES} bytes of values`,
          "Give --parts to make several releases of them, of which each is whole; or apply fewer at once."
        )
      if (part !== undefined && kindIn(step.name) !== "")
        return yield* usage(
          `${environment}: its flags and segments are more than one release holds, and they need each other`,
          "Apply some of their files first, those that others need before the others."
        )
      parts.push([step])
      bytes = size
    } else {
      part.push(step)
      bytes += size
    }
  }
  return parts
})

const AGAIN = "Run it again: what was released is unchanged then."

/** What was refused, where, and what is written already. */
const refusedIn = (
  environment: string,
  failure: CliFailure,
  done: ReadonlyArray<string>,
  wrote: boolean
): CliFailure => {
  const fix = failure.fix.split("\n").filter((line) => !line.includes("--idempotency-key"))
  const before =
    done.length > 0
      ? `released before, which stays: ${done.join(", ")}`
      : wrote && failure.retryable
        ? ""
        : "nothing was changed"
  return new CliFailure({
    ...failure,
    what: [`${environment}: ${failure.what}`, before].filter((line) => line !== "").join("\n"),
    fix: [...fix, ...(failure.retryable || done.length > 0 ? [AGAIN] : [])].filter((line) => line !== "").join("\n")
  })
}

const post = (here: Invocation, intent: Intent, steps: ReadonlyArray<Step>, how: How, dryRun: boolean) =>
  Effect.gen(function* () {
    const contents = new Map<string, Content>()
    for (const { name, action } of steps) if (action !== "delete") contents.set(name, yield* intent.contentOf(name))
    const { message, force, breakGlass } = how
    return yield* here.call({
      method: "POST",
      path: "/v1/releases",
      query: { dryRun: dryRun || undefined, force: force || undefined, breakGlass },
      body: {
        ...releaseOf(intent.environment, steps, contents, force),
        ...(message === undefined ? {} : { message })
      },
      readOnly: dryRun,
      timeout: TIMEOUT
    })
  })

/** JR3 */
const confirmed = Effect.fnUntraced(function* (question: string) {
  const shell = yield* Shell
  if (!shell.inputTerminal)
    return yield* usage(
      "nobody can be asked whether it is to be done, as this is no terminal",
      "Look at it with --dry-run, then give --yes."
    )
  const answer = yield* shell.ask(`${question} Type yes: `)
  if (answer.trim().toLowerCase() !== "yes") return yield* usage("nothing was changed", "Type yes, or give --yes.")
})

/** Shows the plan, asks, and makes the releases. JR1 */
export const carryOut = Effect.fn("Releasing.carryOut")(function* (
  here: Invocation,
  intents: ReadonlyArray<Intent>,
  how: How,
  question: string
) {
  const shell = yield* Shell
  const all: Array<{
    readonly intent: Intent
    readonly parts: ReadonlyArray<ReadonlyArray<Step>>
    readonly planned: Planned
  }> = []
  const answered: Array<Validated> = []
  for (const intent of intents) {
    const parts = yield* partsOf(intent, how.parts)
    const answers: Array<Validated> = []
    for (const part of parts) {
      const { body } = yield* post(here, intent, part, how, true).pipe(
        Effect.mapError((failure) => refusedIn(intent.environment, failure, [], false))
      )
      answers.push(body as Validated)
      answered.push(body as Validated)
      if (parts.length > 1 && shell.errorTerminal)
        yield* shell.live(printable(`${intent.environment}: ${answers.length} of ${parts.length} releases checked`))
    }
    if (parts.length > 1 && shell.errorTerminal) yield* shell.live("")
    all.push({ intent, parts, planned: { ...saidOf(answers), environment: intent.environment, plan: intent.plan } })
  }
  const guards = guardsOf(answered)
  const shown = (paint: Invocation["paint"]) => all.map(({ planned }) => planTold(planned, paint)).join("\n")
  const changes = all.some(({ parts }) => parts.length > 0)
  if (here.format === "table") yield* shell.out(shown(here.paint))
  const emit = (released: ReadonlyMap<string, ReadonlyArray<number>>) =>
    here.emit(
      {
        dryRun: how.dryRun,
        ...(how.dryRun && guards.protections.length > 0 ? { protections: guards.protections } : {}),
        ...(how.dryRun && guards.hidden > 0 ? { hidden: guards.hidden } : {}),
        environments: all.map(({ planned }) => ({
          ...planJson(planned),
          ...(how.dryRun ? {} : { revisions: released.get(planned.environment) ?? [] })
        }))
      },
      (paint) =>
        how.dryRun
          ? `${paint.green("valid")}, nothing was written`
          : !changes
            ? "nothing to change"
            : [...released]
                .filter(([, revisions]) => revisions.length > 0)
                .map(
                  ([environment, revisions]) =>
                    `${paint.green("released")} ${environment} as revision ${revisions.join(", ")}`
                )
                .join("\n")
    )
  if (how.dryRun || !changes) {
    yield* emit(new Map())
    return yield* orSecondPerson(here, guards, how.breakGlass)
  }
  if (!how.yes) {
    if (here.format !== "table" && shell.inputTerminal) yield* shell.progress(shown(here.errorPaint))
    yield* confirmed(question)
  }
  const released = new Map<string, ReadonlyArray<number>>()
  const done: Array<string> = []
  let waits = false
  for (const { intent, parts } of all)
    for (const [at, part] of parts.entries()) {
      const { environment } = intent
      const body = yield* post(here, intent, part, how, false).pipe(
        Effect.map((answer): unknown => answer.body),
        Effect.catch((failure) =>
          failure instanceof Told ? Effect.undefined : Effect.fail(refusedIn(environment, failure, done, true))
        )
      )
      // It waits for a second person, which was told already. The other environments are asked for as well. JR4
      if (body === undefined) {
        waits = true
        continue
      }
      const { revision } = body as Released
      released.set(environment, [...(released.get(environment) ?? []), revision])
      done.push(`${environment} as revision ${revision}`)
      if (parts.length > 1) yield* shell.progress(`${environment}: ${at + 1} of ${parts.length} releases`)
    }
  if (!waits) yield* emit(released)
})
