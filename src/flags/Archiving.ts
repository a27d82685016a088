/**
 * Keeps a flag that applications ask for from being archived.
 *
 *   AV1  Whoever archives a flag that was evaluated within the last day is refused, and told by whom, when, and where code names it; whoever
 *        does so all the same says why, for the audit log.
 *   AV2  It is no promise: what another node counted is written half a minute later, and applications that evaluate all flags by themselves tell
 *        only that they took them. What becomes of them then is the caller's own default.
 */
import { Clock, Effect } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import type { Found } from "../refs/Ref.ts"
import { RefStore } from "../refs/RefStore.ts"
import { Usage } from "../usage/Usage.ts"
import type { FlagDraft } from "./FlagDraft.ts"

/** Milliseconds. */
export const QUIET = 86_400_000
/** Places that are told. */
const PLACES = 10

const placeOf = ({ repository, branch, file, line }: Found): string => `${repository} (${branch}) ${file}:${line}`

/** Fails `FlagEvaluated`, and as the stores. Asks nothing where the draft is forced. AV1 */
export const makeArchiving = Effect.gen(function* () {
  const usage = yield* Usage
  const refs = yield* RefStore
  const clock = yield* Clock.Clock

  return Effect.fnUntraced(function* ({
    environment,
    key,
    force = false
  }: FlagDraft): Effect.fn.Return<void, HeraldError> {
    if (force) return
    const asked = (yield* usage.lastOf(environment, key))?.asked
    if (asked === undefined || asked.at <= clock.currentTimeMillisUnsafe() - QUIET) return
    const places = yield* refs.of(environment, key, PLACES + 1)
    const named = places.slice(0, PLACES).map(placeOf)
    const where =
      named.length === 0
        ? ""
        : `. Code names it: ${named.join(", ")}${places.length > PLACES ? ", and in more places" : ""}`
    const at = new Date(asked.at).toISOString()
    return yield* failure(
      "FlagEvaluated",
      `the flag ${key} in ${environment} was evaluated at ${at} by ${asked.sdk === "" ? "a program" : asked.sdk} (${asked.door})${where}`,
      { details: { key, environment, evaluatedAt: asked.at, by: asked.sdk, door: asked.door, places: named } }
    )
  })
})

/** Whoever forces something says why: an `InvalidInput` where they don't. AV1 */
export const forcedProblem = (
  drafts: ReadonlyArray<Pick<FlagDraft, "force">>,
  message: string
): HeraldError | undefined =>
  drafts.some(({ force }) => force === true) && message.trim() === ""
    ? failure("InvalidInput", "to archive a flag that is evaluated (force) say why, with a message")
    : undefined
