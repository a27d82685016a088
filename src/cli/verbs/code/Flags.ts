/** Flags that several verbs of folders have, and exit codes of those that compare. */
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { CliFailure } from "../../CliFailure.ts"

const folder = Flag.String("folder").pipe(
  Flag.withAlias("f"),
  Flag.withDescription("A folder that herald export wrote, in which each environment has its own"),
  Flag.withMetavar("folder")
)
export const folderFlag = folder
export const optionalFolder = folder.pipe(Flag.optional, Flag.map(Option.getOrUndefined))

/** Of `diff -f` and `compare`: 0 none, 1 some, 2 it can't be told. */
export const DIFFERENT = 1
const CANT_TELL = 2

export const different = (what: string, fix: string): CliFailure =>
  new CliFailure({
    ...{ code: "", title: "There are differences", what, why: "", fix },
    ...{ exit: DIFFERENT, trace: "", retryable: false, retryAfter: 0 }
  })

/** Whatever went wrong: nobody knows whether there are differences. */
export const orCantTell = <A, R>(effect: Effect.Effect<A, CliFailure, R>): Effect.Effect<A, CliFailure, R> =>
  Effect.mapError(effect, (failure) => new CliFailure({ ...failure, exit: CANT_TELL }))
