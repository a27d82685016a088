/**
 * What was meant by a name that isn't there: keys and environments with nearly the same name.
 *
 *   NE2  An environment that is not there is not taken for an empty one by what compares, exports or promotes.
 *   NE1  Looking for it never changes how a verb ends: whatever goes wrong, nothing is offered.
 */
import * as Effect from "effect/Effect"
import type { Environments, Heads } from "../edge/http/configuration/Wire.ts"
import { catalogue } from "../errors/Catalogue.ts"
import { nearby } from "../text/Nearest.ts"
import { CliFailure, known } from "./CliFailure.ts"
import type { Invocation } from "./Globals.ts"
import type { Shell } from "./Shell.ts"

const PAGE = 1_000

interface Found {
  /** The key itself is there. */
  readonly there: boolean
  readonly names: ReadonlyArray<string>
}

/** Keys of an environment that are near, from at most two pages: those that begin alike, then those that come first. */
export const lookAround = Effect.fnUntraced(
  function* (here: Invocation, environment: string, key: string) {
    let there = false
    for (const prefix of [key.slice(0, 2), ""]) {
      const { body } = yield* here.call({
        method: "GET",
        path: "/v1/config",
        query: { environment, prefix, limit: PAGE },
        patient: false
      })
      const all = (body as Heads).keys.map((head) => head.key)
      there ||= all.includes(key)
      const names = nearby(
        key,
        all.filter((one) => one !== key)
      )
      if (names.length > 0) return { there, names }
    }
    return { there, names: [] }
  },
  Effect.catchCause(() => Effect.succeed<Found>({ there: false, names: [] })) // NE1
)

/** Other keys with nearly the same name. */
export const nearKeys = (here: Invocation, environment: string, key: string) =>
  Effect.map(lookAround(here, environment, key), ({ names }) => names)

export const environmentsOf = Effect.fnUntraced(function* (here: Invocation, patient = true) {
  const { body } = yield* here.call({ method: "GET", path: "/v1/environments", patient })
  return (body as Environments).environments
})

/** Undefined when the environment is there, or that can't be found out. */
export const nearEnvironments = Effect.fnUntraced(
  function* (here: Invocation, environment: string) {
    const all = (yield* environmentsOf(here, false)).map((one) => one.environment)
    return all.includes(environment) ? undefined : { near: nearby(environment, all), all }
  },
  Effect.catchCause(() => Effect.succeed(undefined)) // NE1
)

export const offer = (names: ReadonlyArray<string>): string => `Did you mean ${names.join(", or ")}?`

/** The failure of a verb that names a key, with what may have been meant. */
const explained = Effect.fnUntraced(function* (
  here: Invocation,
  environment: string,
  key: string,
  refused: CliFailure
) {
  if (refused.code !== catalogue.NotFound.code) return refused
  const failure = new CliFailure({ ...refused, fix: refused.fix.replace("--env …", `--env ${environment}`) })
  const elsewhere = yield* nearEnvironments(here, environment)
  // Where the server said what is near, nothing is added; what to do doesn't repeat a misspelt environment.
  if (failure.what.includes("did you mean"))
    return elsewhere === undefined
      ? failure
      : new CliFailure({ ...failure, fix: "See which there are: herald env list" })
  if (elsewhere !== undefined) {
    const { near, all } = elsewhere
    if (all.length === 0) return new CliFailure({ ...failure, fix: "No environment has a key yet: publish one." })
    const there = `There are: ${all.slice(0, 20).join(", ")}.`
    const fix = near.length > 0 ? offer(near.map((one) => `--env ${one}`)) : there
    return new CliFailure({ ...failure, fix: `The environment ${environment} has no key. ${fix}` })
  }
  const { there, names } = yield* lookAround(here, environment, key)
  if (there) return new CliFailure({ ...failure, fix: `See its versions: herald history ${key} --env ${environment}` })
  return names.length === 0 ? failure : new CliFailure({ ...failure, fix: `${offer(names)}\n${failure.fix}` })
})

/** What asks for a key: where it isn't there, the failure says what may have been meant. */
export const meaning =
  (here: Invocation, environment: string, key: string) =>
  <A, R>(asked: Effect.Effect<A, CliFailure, R>): Effect.Effect<A, CliFailure, R | Shell> =>
    Effect.catch(asked, (failure) =>
      Effect.flatMap(explained(here, environment, key, failure), (told) => Effect.fail(told))
    )

/**
 * Of an environment in which nothing was found, or may be read: whether it is there at all. Fails `NotFound` where it is not, with those that are near.
 * `made`: it may be one that is only to come, so that it is refused where another is near alone. `flag`: as it was named.
 */
export const requireEnvironment = Effect.fn("Near.requireEnvironment")(function* (
  here: Invocation,
  environment: string,
  flag: string,
  made = false
) {
  const found = yield* nearEnvironments(here, environment)
  if (found === undefined || (made && found.near.length === 0)) return
  const { near, all } = found
  const there = all.length === 0 ? "No environment has a key yet." : `There are: ${all.slice(0, 20).join(", ")}.`
  const meant = near.length === 0 ? there : offer(near.map((one) => `${flag} ${one}`.trim()))
  return yield* known(
    "NotFound",
    `there is no environment ${environment}`,
    made
      ? `${meant}\nOne that is to be new begins with its first key: herald publish <key> <value> --env ${environment}`
      : meant
  )
})

/** What reads an environment: where it may not be read, it may be misspelt. */
export const readingOf =
  (here: Invocation, environment: string, flag: string) =>
  <A, R>(read: Effect.Effect<A, CliFailure, R>): Effect.Effect<A, CliFailure, R | Shell> =>
    Effect.catch(read, (failure) =>
      failure.code === catalogue.Forbidden.code
        ? Effect.andThen(requireEnvironment(here, environment, flag, true), Effect.fail(failure))
        : Effect.fail(failure)
    )
