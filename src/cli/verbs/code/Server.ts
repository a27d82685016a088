/**
 * Reads what an environment of a server has by pages, so that a page of values is in memory however many there are.
 *
 *   JE1  What is read is one state: names and versions are read again behind the values, and what changed meanwhile is read anew.
 */
import * as Effect from "effect/Effect"
import type { Reading } from "../../../edge/http/configuration/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { type CliFailure, known } from "../../CliFailure.ts"
import type { Invocation } from "../../Globals.ts"
import { segment } from "../../Http.ts"
import { Shell } from "../../Shell.ts"
import { isType } from "./FileName.ts"
import { eachPage, type Listed, type Read, schemaDigest, strange } from "./Pages.ts"
import type { Found } from "./Plan.ts"

/** Values that are asked for one by one, as they changed meanwhile, at the same time. */
const AT_ONCE = 16
/** Names from which on a terminal is told how many were read. */
const TELL = 2_000

/** One configuration as it is now. */
const configurationOf = Effect.fnUntraced(function* (here: Invocation, environment: string, key: string) {
  const { body } = yield* here.call({
    method: "GET",
    path: `/v1/config/${segment(key)}`,
    query: { environment, as: "text" }
  })
  const found = body as Reading
  const text = found.value as string
  const { version, digest, strict, schema } = found
  const type: string = found.type
  if (!isType(type)) return yield* strange(`${key} of the type ${JSON.stringify(type)}`)
  const shape: Found = { name: key, version, digest, type, strict, schema: schemaDigest(schema) }
  const read: Read = { name: key, version, shape, content: { text, type, strict, schema } }
  return read
})

/** What is listed, with its value. Undefined: it is gone meanwhile. */
const readOne = (here: Invocation, environment: string, { name, read }: Listed) =>
  read !== undefined
    ? Effect.succeed<Read | undefined>(read)
    : configurationOf(here, environment, name).pipe(
        Effect.map((found): Read | undefined => found),
        Effect.catch((failure) => (failure.exit === 4 ? Effect.succeed(undefined) : Effect.fail(failure)))
      )

/** Rounds until what is read is one state. */
const ROUNDS = 6
/** Names that are told of those that changed all the while. */
const MOVING = 3

/** It was no one state. */
export const unsettled = (environment: string, moving: ReadonlyArray<string>): CliFailure =>
  known(
    "VersionConflict",
    `${environment} changed all the while it was read (${moving.join(", ")}): what was read is of several moments`,
    "Run it again when it is quieter, or with fewer keys at once."
  )

/**
 * Hands on each name of these patterns with what `depth` says: again where it changed meanwhile, and `gone` where it was deleted. Succeeds with how many there are,
 * and whether they are one state. JE1
 */
export const readAll = Effect.fn("Server.readAll")(function* <E, R>(
  here: Invocation,
  environment: string,
  patterns: ReadonlyArray<string>,
  depth: "shapes" | "values",
  take: (read: Read) => Effect.Effect<void, E, R>,
  gone: (name: string) => Effect.Effect<void, E, R>,
  told: (count: number) => Effect.Effect<void> = () => Effect.void
) {
  const versions = new Map<string, number>()
  let moving: Array<string> = []
  for (let round = 0; round < ROUNDS; round++) {
    const seen = new Set<string>()
    let changed = 0
    moving = []
    const moves = (name: string): void => {
      changed++
      if (moving.length < MOVING) moving.push(name)
    }
    // Values come once; then their versions say whether they still are what there is.
    yield* eachPage(here, environment, patterns, round === 0 ? depth : "names", (page) =>
      Effect.forEach(
        page,
        (one) =>
          Effect.gen(function* () {
            seen.add(one.name)
            if (versions.get(one.name) === one.version) return
            moves(one.name)
            const read = yield* readOne(here, environment, one)
            if (read === undefined) {
              seen.delete(one.name)
              return
            }
            versions.set(one.name, read.version)
            yield* take(read)
          }),
        { concurrency: AT_ONCE, discard: true }
      ).pipe(Effect.andThen(Effect.suspend(() => told(versions.size))))
    )
    for (const name of versions.keys())
      if (!seen.has(name)) {
        moves(name)
        versions.delete(name)
        yield* gone(name)
      }
    if (changed === 0) return { count: versions.size, settled: true, moving }
  }
  return { count: versions.size, settled: false, moving }
})

/** What there is of these names and patterns, without the values. `whole`: fails `VersionConflict` where it could not be read as one state. */
export const shapesOf = Effect.fn("Server.shapesOf")(function* (
  here: Invocation,
  environment: string,
  patterns: ReadonlyArray<string>,
  whole = false
) {
  const shell = yield* Shell
  const found = new Map<string, Found>()
  let told = false
  const { settled, moving } = yield* readAll(
    here,
    environment,
    patterns,
    "shapes",
    ({ name, shape }) => Effect.sync(() => void found.set(name, shape)),
    (name) => Effect.sync(() => void found.delete(name)),
    (count) => {
      if (!shell.errorTerminal || count < TELL) return Effect.void
      told = true
      return shell.live(printable(`${environment}: ${count.toLocaleString("en-US")} names read`))
    }
  )
  if (told) yield* shell.live("")
  if (whole && !settled) return yield* unsettled(environment, moving)
  return found
})
