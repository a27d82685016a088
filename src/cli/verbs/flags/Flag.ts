/** `herald flag create|set|target|enable|disable|list|get|usage|stale|eval|history|diff|rollback|archive|bucketing|import|export`: feature flags. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flags from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { PublishedFlag, StoredFlag } from "../../../edge/http/flags/Wire.ts"
import { PURPOSES } from "../../../evaluation/Definition.ts"
import { alreadyThere, usage } from "../../CliFailure.ts"
import { env, idempotencyKey, invocation, message, optionalInt, optionalText, yes } from "../../Globals.ts"
import { readValue } from "../../Input.ts"
import { atFlags, schedule, timed } from "../schedules/Scheduling.ts"
import { bucketing } from "./Bucketing.ts"
import { alter, changeFlags, isSimple, notSimple, pathOf, send } from "./Changing.ts"
import { evaluate } from "./Eval.ts"
import { exportFlags, importFlags } from "./Import.ts"
import { diff, get, history, list } from "./Look.ts"
import { refsVerb } from "./Refs.ts"
import { written } from "./Told.ts"
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
    ...changeFlags
  },
  Effect.fn("Flag.set")(function* ({ flag, definition, env, expectedVersion, ...how }) {
    const here = yield* invocation
    yield* send(here, here.environment(env), flag, "set", yield* readValue(definition), how, expectedVersion)
  })
).pipe(
  Command.withDescription("Publish a whole definition: variants of any type, with JSONLogic as its rule"),
  Command.withExamples([
    { command: "herald flag set banner @banner.json --dry-run", description: "What would change, and what is wrong" }
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
      yield* alter(here, here.environment(env), flag, `${name}d`, how, (definition) =>
        isSimple(definition) ? { ...definition, enabled: on } : { ...definition, state: on ? "ENABLED" : "DISABLED" }
      )
    })
  ).pipe(
    Command.withDescription(description),
    Command.withExamples([
      { command: `herald flag ${name} new-checkout --message "as announced"`, description: "One flag, in production" }
    ])
  )

const rollback = Command.make(
  "rollback",
  {
    flag,
    to: Flags.Int("to").pipe(
      Flags.withDescription("The version to return to (herald flag history <flag>)"),
      Flags.withMetavar("version")
    ),
    env,
    message,
    idempotencyKey,
    ...atFlags
  },
  Effect.fn("Flag.rollback")(function* ({ flag, to, env, ...how }) {
    const { message, idempotencyKey } = how
    const here = yield* invocation
    const environment = here.environment(env)
    const query = { environment }
    if (yield* timed(how)) {
      const old = (yield* here.call({ method: "GET", path: pathOf(flag, `/versions/${to}`), query })).body as StoredFlag
      if (old.deleted) return yield* usage(`version ${to} of ${flag} archived it`, "Archive it, or return to another.")
      return yield* schedule(here, { flags: [{ flag, environment, value: old.definition }] }, how)
    }
    const { body } = yield* here.call({
      method: "POST",
      path: pathOf(flag, "/rollback"),
      query,
      body: { version: to, ...(message === undefined ? {} : { message }) },
      idempotencyKey
    })
    yield* here.emit(body, (paint) => written(`rolled back to version ${to}:`, body as PublishedFlag, paint))
  })
).pipe(
  Command.withDescription("Take a change of a flag back: makes a new version that equals an old one"),
  Command.withExamples([{ command: "herald flag rollback new-checkout --to 3", description: "Back to version 3" }])
)

const archive = Command.make(
  "archive",
  {
    flag,
    env,
    message,
    idempotencyKey,
    force: yes("force", "Although applications evaluate it; needs --message, which says why"),
    ...atFlags
  },
  Effect.fn("Flag.archive")(function* ({ flag, env, force, ...how }) {
    const { message, idempotencyKey } = how
    const here = yield* invocation
    const environment = here.environment(env)
    const forced = force ? { force } : {}
    if (yield* timed(how)) {
      return yield* schedule(here, { flags: [{ flag, environment, value: null, ...forced }] }, how)
    }
    const query = { environment, message, ...forced }
    const { body } = yield* here.call({ method: "DELETE", path: pathOf(flag), query, idempotencyKey })
    yield* here.emit(body, (paint) => written("archived", body as PublishedFlag, paint))
  })
).pipe(
  Command.withDescription("Take a flag away; its history stays, and a rollback brings it back"),
  Command.withExamples([
    {
      command: "herald flag archive new-checkout",
      description: "Refused while another flag needs it, or an application evaluates it"
    }
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
