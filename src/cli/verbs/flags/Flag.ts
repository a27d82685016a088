/** `herald flag create|set|target|enable|disable|list|get|usage|stale|eval|history|diff|rollback|archive|bucketing|import|export`: feature flags. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flags from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { PURPOSES } from "../../../evaluation/Definition.ts"
import { alreadyThere, usage } from "../../CliFailure.ts"
import { env, invocation, optionalInt, optionalText, yes } from "../../Globals.ts"
import { readValue } from "../../Input.ts"
import { begin, rolloutFlags, rolloutOf } from "../rollouts/Asking.ts"
import { archive, rollback } from "./Back.ts"
import { bucketing } from "./Bucketing.ts"
import { alter, changeFlags, isOn, isSimple, notSimple, send } from "./Changing.ts"
import { evaluate } from "./Eval.ts"
import { exportFlags, importFlags } from "./Import.ts"
import { diff, get, history, list } from "./Look.ts"
import { refsVerb } from "./Refs.ts"
import { stale, usageVerb } from "./Usage.ts"

const flag = Argument.String("flag").pipe(Argument.withDescription("The flag's name"))

const optionalNumber = (name: string, description: string) =>
  Flags.Finite(name).pipe(
    Flags.withDescription(description),
    Flags.withMetavar("n"),
    Flags.optional,
    Flags.map(Option.getOrUndefined)
  )
const several = (name: string, description: string) =>
  Flags.String(name).pipe(Flags.withDescription(description), Flags.withMetavar("key"), Flags.between(0, 1_000))

const create = Command.make(
  "create",
  {
    flag,
    env,
    percentage: optionalNumber(
      "percentage",
      "For how many of a hundred it is on: 0 to 100; unless given, for everyone, or for those alone who are named"
    ),
    user: several("user", "A targeting key for whom it is on whatever the percentage, may be repeated"),
    segment: several("segment", "A segment of people for whom it is on whatever the percentage, may be repeated"),
    by: optionalText(
      "by",
      "By which attribute they are known, such as org.key; the targeting key unless given",
      "name"
    ),
    disabled: yes("disabled", "Every caller gets its own default until it is enabled"),
    description: optionalText("description", "What it is for", "text"),
    owner: optionalText("owner", "Who answers for it", "text"),
    tag: Flags.String("tag").pipe(
      Flags.withDescription("A word to find it by, may be repeated"),
      Flags.withMetavar("text"),
      Flags.between(0, 20)
    ),
    purpose: Flags.Literals("purpose", PURPOSES).pipe(
      Flags.withDescription("What kind of flag it is"),
      Flags.optional,
      Flags.map(Option.getOrUndefined)
    ),
    expectedEnd: optionalText("expected-end", "When it should be gone: 2026-12-31; stale from then on", "day"),
    ...changeFlags
  },
  Effect.fn("Flag.create")(function* ({
    flag,
    env,
    percentage,
    user,
    segment,
    by,
    disabled,
    description,
    owner,
    tag,
    purpose,
    expectedEnd,
    ...how
  }) {
    const here = yield* invocation
    const share = percentage ?? (user.length + segment.length > 0 ? 0 : undefined)
    const definition = {
      enabled: !disabled,
      ...(share === undefined ? {} : { percentage: share }),
      ...(user.length === 0 ? {} : { targetUsers: user }),
      ...(segment.length === 0 ? {} : { segments: segment }),
      ...(by === undefined ? {} : { by }),
      ...(description === undefined ? {} : { description }),
      ...(owner === undefined ? {} : { owner }),
      ...(tag.length === 0 ? {} : { tags: tag }),
      ...(purpose === undefined ? {} : { purpose }),
      ...(expectedEnd === undefined ? {} : { expectedEnd })
    }
    const environment = here.environment(env)
    yield* send(here, environment, flag, "created", definition, how, 0).pipe(
      Effect.mapError(
        alreadyThere(
          `a flag ${flag} in ${environment}`,
          `Change it with herald flag target ${flag}, or herald flag set ${flag}; or give this one another name.`
        )
      )
    )
  })
).pipe(
  Command.withDescription("Make an on-off flag: for everyone, a percentage, or those who are named"),
  Command.withExamples([
    {
      command: "herald flag create new-checkout --percentage 5 --user ann",
      description: "For ann and five of a hundred"
    }
  ])
)

const set = Command.make(
  "set",
  {
    flag,
    definition: Argument.String("definition").pipe(
      Argument.withDescription("flagd's JSON, or the simple form: the text itself, @file, or - for standard input")
    ),
    env,
    expectedVersion: optionalInt(
      "expected-version",
      "Fail unless this is the current version; 0: the flag is new",
      "n"
    ),
    ...rolloutFlags,
    ...changeFlags
  },
  Effect.fn("Flag.set")(function* ({ flag, definition, env, expectedVersion, ...how }) {
    const here = yield* invocation
    const environment = here.environment(env)
    const value = yield* readValue(definition)
    const plan = yield* rolloutOf(how)
    if (plan === undefined) return yield* send(here, environment, flag, "set", value, how, expectedVersion)
    const change = { flag, value, ...(expectedVersion === undefined ? {} : { expectedVersion }) }
    yield* begin(here, { environment, plan, at: how.at, flags: [change] }, how)
  })
).pipe(
  Command.withDescription("Publish a whole definition: variants of any type, with JSONLogic as its rule"),
  Command.withExamples([
    { command: "herald flag set banner @banner.json --dry-run", description: "What would change, and what is wrong" },
    {
      command: "herald flag set banner @banner.json --rollout 10%,50%,100% --watch",
      description: "Instance by instance, and back by itself when a gate says so"
    }
  ])
)

const target = Command.make(
  "target",
  {
    flag,
    env,
    percentage: optionalNumber("percentage", "For how many of a hundred it is on: 0 to 100"),
    add: several("add", "A targeting key for whom it is on, may be repeated"),
    remove: several("remove", "A targeting key that is no longer named, may be repeated"),
    segment: several("segment", "A segment of people for whom it is on, may be repeated"),
    removeSegment: several("remove-segment", "A segment that is no longer named, may be repeated"),
    ...changeFlags
  },
  Effect.fn("Flag.target")(function* ({ flag, env, percentage, add, remove, segment, removeSegment, ...how }) {
    const here = yield* invocation
    if (percentage === undefined && [add, remove, segment, removeSegment].every((names) => names.length === 0)) {
      return yield* usage("nothing is to be changed", "Give --percentage, --add, --remove or --segment.")
    }
    yield* alter(here, here.environment(env), flag, "targeted", how, (definition) => {
      if (!isSimple(definition)) return notSimple(flag)
      const changed = (name: string, more: ReadonlyArray<string>, fewer: ReadonlyArray<string>) =>
        [...new Set([...((definition[name] as ReadonlyArray<string> | undefined) ?? []), ...more])].filter(
          (one) => !fewer.includes(one)
        )
      const targetUsers = changed("targetUsers", add, remove)
      const segments = changed("segments", segment, removeSegment)
      const { targetUsers: _, segments: __, ...rest } = definition
      return {
        ...rest,
        ...(percentage === undefined ? {} : { percentage }),
        ...(targetUsers.length === 0 ? {} : { targetUsers }),
        ...(segments.length === 0 ? {} : { segments })
      }
    })
  })
).pipe(
  Command.withDescription("Say for whom an on-off flag is on"),
  Command.withExamples([
    { command: "herald flag target new-checkout --percentage 25 --add bob", description: "More of them" },
    {
      command: "herald flag target new-checkout --percentage 50 --at 2026-12-01T09:00:00+01:00",
      description: "On that day, unless somebody changes it before"
    }
  ])
)

const switched = (name: "enable" | "disable", description: string) =>
  Command.make(
    name,
    { flag, env, ...changeFlags },
    Effect.fn(`Flag.${name}`)(function* ({ flag, env, ...how }) {
      const here = yield* invocation
      const on = name === "enable"
      yield* alter(here, here.environment(env), flag, `${name}d`, how, (definition) => {
        // At a time it may be another.
        if (isOn(definition) === on && how.at === undefined) return undefined
        return isSimple(definition)
          ? { ...definition, enabled: on }
          : { ...definition, state: on ? "ENABLED" : "DISABLED" }
      })
    })
  ).pipe(
    Command.withDescription(description),
    Command.withExamples([
      { command: `herald flag ${name} new-checkout --message "as announced"`, description: "One flag, in production" }
    ])
  )

export const flagVerb = Command.make("flag").pipe(
  Command.withDescription("Feature flags: on or off, for some, or with variants and a rule"),
  Command.withSubcommands([
    create,
    set,
    target,
    switched("enable", "Let a flag decide again"),
    switched("disable", "Give every caller its own default"),
    list,
    get,
    usageVerb,
    stale,
    evaluate,
    history,
    diff,
    rollback,
    archive,
    bucketing,
    importFlags,
    exportFlags,
    refsVerb
  ])
)
