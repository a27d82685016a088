/**
 * `herald promote <key…>`: what one environment has, made what another one has.
 *
 *   JQ2  What is promoted was there at one moment: an environment that changes all the while is refused.
 *   JQ1  The message of the release says which versions of which environment it has.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { MESSAGE } from "../../../commits/Request.ts"
import { prefixOf } from "../../../keys/Pattern.ts"
import { known, usage } from "../../CliFailure.ts"
import { invocation } from "../../Globals.ts"
import { readingOf, requireEnvironment } from "../../Near.ts"
import { wrongPattern } from "./Manifest.ts"
import { type Content, type Found, planOf } from "./Plan.ts"
import { carryOut, releaseFlags } from "./Releasing.ts"
import { readAll, shapesOf, unsettled } from "./Server.ts"

/** Values that are kept from reading to releasing: more are read in several promotions. */
const MOST_BYTES = 64 * 1_048_576

/** Words in the history. */
export const messageFor = (
  message: string | undefined,
  from: string,
  versions: ReadonlyArray<readonly [name: string, version: number]>
): string => {
  const head = `${message === undefined ? "" : `${message}\n`}promoted from ${from}: `
  let text = ""
  for (const [at, [name, version]] of versions.entries()) {
    const next = `${at === 0 ? "" : ", "}${name} version ${version}`
    const more = ` and ${versions.length - at} more`
    if (head.length + text.length + next.length + more.length > MESSAGE) return head + text + more
    text += next
  }
  return head + text
}

export const promote = Command.make(
  "promote",
  {
    keys: Argument.String("keys").pipe(
      Argument.withDescription("Keys or patterns: payments.db, 'payments.*', '@flag/new-checkout', '@segment/*'"),
      Argument.variadic({ min: 1 })
    ),
    from: Flag.String("from").pipe(
      Flag.withDescription("The environment whose versions are taken"),
      Flag.withMetavar("environment")
    ),
    to: Flag.String("to").pipe(Flag.withDescription("The environment that gets them"), Flag.withMetavar("environment")),
    ...releaseFlags
  },
  Effect.fn("Promote.run")(function* ({ keys, from, to, ...how }) {
    const here = yield* invocation
    if (from === to) return yield* usage(`--from and --to are both ${from}`, "Name two environments.")
    for (const one of keys) {
      const wrong = wrongPattern(one)
      if (wrong !== undefined) return yield* usage(`${one} ${wrong}`, "Such as payments.db, 'payments.*', '@flag/*'.")
    }
    const wanted = new Map<string, Found>()
    const contents = new Map<string, Content>()
    let bytes = 0
    const { settled, moving } = yield* readAll(
      here,
      from,
      keys,
      "values",
      ({ name, shape, content }) => {
        wanted.set(name, shape)
        contents.set(name, content!)
        bytes += content!.text.length
        return bytes > MOST_BYTES
          ? usage(`what is to be promoted has more than ${MOST_BYTES} bytes`, "Promote fewer keys at once.")
          : Effect.void
      },
      (name) => Effect.sync(() => void wanted.delete(name))
    ).pipe(readingOf(here, from, "--from"))
    if (wanted.size === 0) yield* requireEnvironment(here, from, "--from")
    if (!settled) return yield* unsettled(from, moving)
    const missing = keys.find((key) => prefixOf(key) === undefined && !wanted.has(key))
    const why = `See what there is: herald list --env ${from}.`
    if (missing !== undefined) return yield* known("NotFound", `there is no ${missing} in ${from}`, why)
    if (wanted.size === 0) return yield* known("NotFound", `nothing in ${from} fits ${keys.join(" ")}`, why)
    const there = yield* readingOf(here, to, "--to")(shapesOf(here, to, keys))
    if (there.size === 0) yield* requireEnvironment(here, to, "--to", true)
    const plan = planOf(wanted, there)
    const versions = plan.steps.map(({ name }) => [name, wanted.get(name)!.version] as const)
    const intent = {
      environment: to,
      plan,
      contentOf: (name: string) => Effect.succeed(contents.get(name)!)
    }
    const message = messageFor(how.message, from, versions)
    yield* carryOut(here, [intent], { ...how, message }, `Promote this from ${from}?`)
  })
).pipe(
  Command.withDescription(
    "Give an environment what another one has of these keys, flags and segments, as one release. Shows the difference, and asks, first; nothing is deleted"
  ),
  Command.withShortDescription("Give an environment what another one has"),
  Command.withExamples([
    { command: "herald promote payments.db --from staging --to production", description: "One key" },
    {
      command: "herald promote 'payments.*' @flag/new-checkout --from staging --to production --dry-run",
      description: "What would change, and for whom"
    }
  ])
)
