/** `herald apply -f <folder>`: makes environments what a folder says. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { printable } from "../../../text/Printable.ts"
import { known } from "../../CliFailure.ts"
import { type Invocation, invocation, optionalText, yes } from "../../Globals.ts"
import { readingOf, requireEnvironment } from "../../Near.ts"
import { Shell } from "../../Shell.ts"
import { MANIFEST } from "./FileName.ts"
import { folderFlag } from "./Flags.ts"
import { type Local, readFolder } from "./Local.ts"
import { planOf } from "./Plan.ts"
import { carryOut, releaseFlags } from "./Releasing.ts"
import { visibleOf } from "./Rights.ts"
import { shapesOf } from "./Server.ts"

/** The environments of a folder, and what has to change in each. */
export const plansOf = Effect.fn("Apply.plansOf")(function* (
  here: Invocation,
  path: string,
  only: string | undefined,
  /** What has no file is of interest, too. */
  prune: boolean,
  /** It has to be one state. What is applied has the versions that it expects instead. JA1 */
  whole = false
) {
  const shell = yield* Shell
  const { locals, others } = yield* readFolder(shell.folder(path), only)
  if (others.length > 0) yield* shell.progress(printable(`left out, as they have no ${MANIFEST}: ${others.join(", ")}`))
  const plans: Array<{ readonly local: Local; readonly plan: ReturnType<typeof planOf> }> = []
  for (const local of locals) {
    const { environment, manifest, shapes } = local
    const seen = yield* visibleOf(here, manifest.patterns)
    if (prune && !seen.all)
      return yield* known(
        "Forbidden",
        `${environment}: of ${manifest.patterns.join(" ")} you may see only ${seen.patterns.join(" ")}, so what has no file can't be told`,
        "Sign in with rights to all that the manifest names; or leave --prune out; or export what you may see to a folder of its own."
      )
    const found = yield* readingOf(here, environment, "")(shapesOf(here, environment, seen.patterns, whole))
    if (whole && found.size === 0) yield* requireEnvironment(here, environment, "", true)
    plans.push({ local, plan: planOf(shapes, found, prune ? manifest.patterns : []) })
  }
  return plans
})

export const apply = Command.make(
  "apply",
  {
    folder: folderFlag,
    env: optionalText("env", "Only this environment of the folder; all of them otherwise", "name"),
    prune: yes("prune", "Delete what fits the patterns of the folder's manifest and has no file in it"),
    ...releaseFlags
  },
  Effect.fn("Apply.run")(function* ({ folder, env, prune, ...how }) {
    const here = yield* invocation
    const plans = yield* plansOf(here, folder, env, prune)
    const intents = plans.map(({ local, plan }) => ({
      environment: local.environment,
      plan,
      contentOf: local.contentOf
    }))
    yield* carryOut(here, intents, how, "Apply this?")
  })
).pipe(
  Command.withDescription(
    "Make environments what a folder says: one release each, or none where somebody changed something meanwhile. Shows the plan, and asks, first"
  ),
  Command.withShortDescription("Make environments what a folder says"),
  Command.withExamples([
    { command: "herald apply -f herald --dry-run", description: "The plan, checked by the server" },
    {
      command: `herald apply -f herald --env production --prune --yes --message "release 42"`,
      description: "In a pipeline: also delete what has no file"
    }
  ])
)
