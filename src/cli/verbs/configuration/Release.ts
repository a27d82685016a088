/** `herald release apply <file.yaml>`: many changes as one revision. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import type { Released } from "../../../edge/http/configuration/ReleaseWire.ts"
import type { Validated } from "../../../edge/http/configuration/Wire.ts"
import { CliFailure } from "../../CliFailure.ts"
import { env, idempotencyKey, invocation, messageOf, yes } from "../../Globals.ts"
import { readFile } from "../../Input.ts"
import { waitFlags, waitingOf } from "../fleet/Wait.ts"
import { atFlags, schedule, timed } from "../schedules/Scheduling.ts"
import { overFlags, toldDryRun } from "./ChangeFlags.ts"
import { toldRelease } from "./Told.ts"

const apply = Command.make(
  "apply",
  {
    file: Argument.String("file").pipe(Argument.withDescription("YAML or JSON, or - for standard input")),
    env,
    message: messageOf("Why; instead of the file's message"),
    idempotencyKey,
    ...atFlags,
    ...overFlags,
    ...waitFlags,
    dryRun: yes("dry-run", "Check everything and say what would change, without writing")
  },
  Effect.fn("Release.apply")(function* ({ file, env, wait, timeout, ...how }) {
    const { message, idempotencyKey, dryRun, force, breakGlass } = how
    const waiting = yield* waitingOf({ wait, timeout })
    const here = yield* invocation
    const text = yield* readFile(file)
    const { releaseOf } = yield* Effect.promise(() => import("./ReleaseFile.ts"))
    const release = releaseOf(file === "-" ? "standard input" : file, text, here.environment(env))
    if (release instanceof CliFailure) return yield* release
    if (yield* timed({ ...how, waiting })) {
      const { message: said, ...parts } = release
      return yield* schedule(here, parts, { ...how, message: message ?? said })
    }
    const { body } = yield* here.call({
      method: "POST",
      path: "/v1/releases",
      query: { dryRun: dryRun || undefined, force: force || undefined, breakGlass },
      body: { ...release, ...(message === undefined ? {} : { message }) },
      idempotencyKey,
      readOnly: dryRun
    })
    if (dryRun) return yield* toldDryRun(here, body as Validated, breakGlass)
    yield* toldRelease(here, body as Released, waiting)
  })
).pipe(
  Command.withDescription(
    `Apply a file of changes as one revision: all of them, or none.

message: why
environment: production
changes:
  - key: user-service
    value: { feature: { x: true } }
  - key: user-service.retries
    value: 5
  - key: user-service.old
    delete: true
segments:
  - segment: staff
    value: { rule: { ends_with: [{ var: email }, "@example.com"] } }
flags:
  - flag: new-checkout
    value: { enabled: true, percentage: 5, segments: [staff] }
  - flag: old-checkout
    archive: true

Further fields of a change: environment, type, schema, strict, expectedVersion; of a flag or a segment: environment, expectedVersion.`
  ),
  Command.withShortDescription("Apply a file of changes as one revision"),
  Command.withExamples([
    { command: "herald release apply release.yaml", description: "All changes, or none" },
    { command: "herald release apply release.yaml --dry-run", description: "What would change, and for whom" }
  ])
)

export const release = Command.make("release").pipe(
  Command.withDescription("Change many keys at once"),
  Command.withSubcommands([apply])
)
