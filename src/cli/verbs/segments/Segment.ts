/** `herald segment create|set|ids|list|get|history|diff|rollback|archive`: rules with a name, for all flags of an environment. */

import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flags from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import type { PublishedIds, PublishedSegment, ValidatedSegment } from "../../../edge/http/segments/Wire.ts"
import { alreadyThere, usage } from "../../CliFailure.ts"
import { SOME, shortened, showDifference } from "../../DiffView.ts"
import { env, type Invocation, idempotencyKey, invocation, message, optionalInt, optionalText } from "../../Globals.ts"
import { guardsOf, orSecondPerson } from "../../Guarded.ts"
import { readValue } from "../../Input.ts"
import { Shell } from "../../Shell.ts"
import { type Change, changeFlags } from "../flags/Changing.ts"
import { warned } from "../flags/Told.ts"
import { schedule, timed } from "../schedules/Scheduling.ts"
import { diff, get, history, list, pathOf, segment } from "./Look.ts"
import { written } from "./Told.ts"

/** `definition`: a text, or JSON. `verb`: what was done, in the past. */
const send = Effect.fnUntraced(function* (
  here: Invocation,
  environment: string,
  segment: string,
  verb: string,
  definition: unknown,
  how: Change,
  expectedVersion?: number
) {
  const { message, idempotencyKey, dryRun, evenIfChanged } = how
  if (yield* timed(how)) {
    const expected = expectedVersion === undefined || evenIfChanged ? {} : { expectedVersion }
    return yield* schedule(here, { segments: [{ segment, environment, value: definition, ...expected }] }, how)
  }
  const body = {
    value: definition,
    ...(message === undefined || dryRun ? {} : { message }),
    ...(expectedVersion === undefined ? {} : { expectedVersion })
  }
  const query = { environment }
  if (dryRun) {
    const path = pathOf(segment, "/validate")
    const found = (yield* here.call({ method: "POST", path, query, body, readOnly: true })).body as ValidatedSegment
    yield* here.emit(
      found,
      (paint) =>
        `${paint.green("valid")}, nothing was written\n${shortened(showDifference(found.difference, paint), SOME, paint)}${warned(found, paint)}`
    )
    return yield* orSecondPerson(here, guardsOf([found]), undefined)
  }
  const answer = yield* here.call({ method: "PUT", path: pathOf(segment), query, body, idempotencyKey })
  yield* here.emit(answer.body, (paint) => written(verb, answer.body as PublishedSegment, paint))
})

const create = Command.make(
  "create",
  {
    segment,
    env,
    user: Flags.String("user").pipe(
      Flags.withDescription("A targeting key of somebody who is in it, may be repeated"),
      Flags.withMetavar("key"),
      Flags.between(0, 1_000)
    ),
    rule: optionalText(
      "rule",
      "Who else is in it, as JSONLogic: the text itself, @file, or - for standard input",
      "json"
    ),
    by: optionalText(
      "by",
      "By which attribute they are known, such as org.key; the targeting key unless given",
      "name"
    ),
    description: optionalText("description", "Who they are", "text"),
    owner: optionalText("owner", "Who answers for it", "text"),
    ...changeFlags
  },
  Effect.fn("Segment.create")(function* ({ segment, env, user, rule, by, description, owner, ...how }) {
    const here = yield* invocation
    const members = [
      ...(rule === undefined ? [] : [`"rule":${yield* readValue(rule)}`]),
      ...(user.length === 0 && rule !== undefined ? [] : [`"targetUsers":${JSON.stringify(user)}`]),
      ...(by === undefined ? [] : [`"by":${JSON.stringify(by)}`]),
      ...(description === undefined ? [] : [`"description":${JSON.stringify(description)}`]),
      ...(owner === undefined ? [] : [`"owner":${JSON.stringify(owner)}`])
    ]
    const environment = here.environment(env)
    yield* send(here, environment, segment, "created", `{${members.join(",")}}`, how, 0).pipe(
      Effect.mapError(
        alreadyThere(
          `a segment ${segment} in ${environment}`,
          `Change it with herald segment set ${segment}, or give this one another name.`
        )
      )
    )
  })
).pipe(
  Command.withDescription("Make a segment: of those who are named, or of whom a rule holds"),
  Command.withExamples([
    { command: "herald segment create staff --user ann --user bob", description: "Two people" },
    {
      command: `herald segment create beta --rule '{"ends_with":[{"var":"email"},"@example.com"]}'`,
      description: "By what is known of them"
    }
  ])
)

const set = Command.make(
  "set",
  {
    segment,
    definition: Argument.String("definition").pipe(
      Argument.withDescription("JSON with rule, targetUsers or both: the text itself, @file, or - for standard input")
    ),
    env,
    expectedVersion: optionalInt(
      "expected-version",
      "Fail unless this is the current version; 0: the segment is new",
      "n"
    ),
    ...changeFlags
  },
  Effect.fn("Segment.set")(function* ({ segment, definition, env, expectedVersion, ...how }) {
    const here = yield* invocation
    yield* send(here, here.environment(env), segment, "set", yield* readValue(definition), how, expectedVersion)
  })
).pipe(
  Command.withDescription("Publish a whole definition of a segment; every flag that names it changes with it"),
  Command.withExamples([
    { command: "herald segment set beta @beta.json --dry-run", description: "What would change, and what is wrong" }
  ])
)

const rollback = Command.make(
  "rollback",
  {
    segment,
    to: Flags.Int("to").pipe(
      Flags.withDescription("The version to return to (herald segment history <segment>)"),
      Flags.withMetavar("version")
    ),
    env,
    message,
    idempotencyKey
  },
  Effect.fn("Segment.rollback")(function* ({ segment, to, env, message, idempotencyKey }) {
    const here = yield* invocation
    const { body } = yield* here.call({
      method: "POST",
      path: pathOf(segment, "/rollback"),
      query: { environment: here.environment(env) },
      body: { version: to, ...(message === undefined ? {} : { message }) },
      idempotencyKey
    })
    yield* here.emit(body, (paint) => written(`rolled back to version ${to}:`, body as PublishedSegment, paint))
  })
).pipe(
  Command.withDescription("Take a change of a segment back: makes a new version that equals an old one"),
  Command.withExamples([{ command: "herald segment rollback beta --to 3", description: "Back to version 3" }])
)

const archive = Command.make(
  "archive",
  { segment, env, message, idempotencyKey },
  Effect.fn("Segment.archive")(function* ({ segment, env, message, idempotencyKey }) {
    const here = yield* invocation
    const query = { environment: here.environment(env), message }
    const { body } = yield* here.call({ method: "DELETE", path: pathOf(segment), query, idempotencyKey })
    yield* here.emit(body, (paint) => written("archived", body as PublishedSegment, paint))
  })
).pipe(
  Command.withDescription("Take a segment away; its history stays, and a rollback brings it back"),
  Command.withExamples([
    { command: "herald segment archive beta", description: "Refused while a flag or another segment names it" }
  ])
)

/** Bytes of a file of ids. */
const IDS = 50_331_648

const ids = Command.make(
  "ids",
  {
    segment,
    change: Argument.Literals("change", ["add", "remove", "replace"]).pipe(
      Argument.withDescription("What becomes of the ids of the file")
    ),
    file: Flags.String("file").pipe(
      Flags.withDescription("A file with a targeting key on each line, up to a million, or - for standard input"),
      Flags.withMetavar("file")
    ),
    env,
    expectedVersion: optionalInt(
      "expected-version",
      "Fail unless this is the current version; 0: the segment is new",
      "n"
    ),
    message,
    idempotencyKey
  },
  Effect.fn("Segment.ids")(function* ({ segment, change, file, env, expectedVersion, message, idempotencyKey }) {
    const shell = yield* Shell
    const here = yield* invocation
    const text = yield* file === "-" ? shell.stdin(IDS) : shell.readFile(file, IDS)
    if (text.byteLength > IDS) return yield* usage(`${file} has more than ${IDS} bytes`, "Add its ids in parts.")
    const { body } = yield* here.call({
      method: "POST",
      path: pathOf(segment, "/ids"),
      query: { environment: here.environment(env), mode: change, message, expectedVersion },
      text,
      timeout: 120_000,
      idempotencyKey
    })
    const made = body as PublishedIds
    yield* here.emit(
      made,
      (paint) => `${written("changed", made, paint)}\n${made.count} ${made.count === 1 ? "id" : "ids"}`
    )
  })
).pipe(
  Command.withDescription("Change the ids of a segment: up to a million, kept on the server"),
  Command.withExamples([
    { command: "herald segment ids beta add --file ids.txt", description: "These, too" },
    { command: "sort -u export.csv | herald segment ids beta replace --file -", description: "These and no others" }
  ])
)

export const segmentVerb = Command.make("segment").pipe(
  Command.withDescription("Segments: rules with a name, for all flags of an environment"),
  Command.withSubcommands([create, set, ids, list, get, history, diff, rollback, archive])
)
