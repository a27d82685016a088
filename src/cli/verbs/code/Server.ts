/**
 * Reads what an environment of a server has: names and versions by pages, values one by one as their texts, so that a page and a few values are in memory
 * however many there are.
 *
 *   JE2  A name or a type that is none is an error, whoever says it: it becomes no path, and nothing is taken for something else.
 *   JE1  What is read is one state: names and versions are read again behind the values, and what changed meanwhile is read anew.
 */
import { createHash } from "node:crypto"
import * as Effect from "effect/Effect"
import type { Heads, Reading } from "../../../edge/http/configuration/Wire.ts"
import { isKey } from "../../../keys/Key.ts"
import { keyIn, kindIn, nameOf } from "../../../keys/Name.ts"
import { outermost, prefixOf } from "../../../keys/Pattern.ts"
import { canonical } from "../../../values/Canonical.ts"
import { membersAt, type NamedText, namedTextsIn } from "../../../values/Json.ts"
import { type CliFailure, known, usage } from "../../CliFailure.ts"
import type { Invocation } from "../../Globals.ts"
import { segment } from "../../Http.ts"
import { isType } from "./FileName.ts"
import type { Content, Found } from "./Plan.ts"

/** JE2 */
const strange = (what: string) =>
  usage(
    `the server has ${what.slice(0, 300)}, which this herald does not know`,
    "Check that --server is what is meant; a server that is newer than the command line takes a newer herald."
  )

export const digestOf = (text: string): string => createHash("sha256").update(text, "utf8").digest("hex")

/** Of a schema, for comparing; "" for none. */
export const schemaText = (schema: unknown): string =>
  schema === null || schema === undefined ? "" : canonical(schema)

const PAGE = 1_000
/** Values that are asked for at the same time. */
const AT_ONCE = 16

/** A name with its version, and with what a listing has of it besides. */
export interface Listed {
  readonly name: string
  readonly version: number
  /** Of flags and segments, whose definitions come with the list. */
  readonly entry?: Entry
}
type Entry = Pick<Found, "digest"> & Pick<Content, "text">

const member = (texts: ReadonlyArray<NamedText>, name: string): string =>
  texts.find(([one]) => one === name)?.[1] ?? "null"

/** Flags or segments of a page, with the texts of their definitions. */
const definitionsIn = (raw: string, kind: string, list: string): ReadonlyArray<Listed> => {
  const all = member(namedTextsIn(raw) ?? [], list)
  return membersAt(all).map(({ from, to }) => {
    const texts = namedTextsIn(all.slice(from, to)) ?? []
    const name = nameOf(kind, JSON.parse(member(texts, kind)) as string)
    const version = JSON.parse(member(texts, "version")) as number
    const text = member(texts, "definition")
    return { name, version, entry: { digest: digestOf(text), text } }
  })
}

const pageOf = Effect.fnUntraced(function* (
  here: Invocation,
  environment: string,
  kind: string,
  prefix: string,
  after: string | undefined,
  limit: number
) {
  const query = { environment, prefix, limit, after }
  const list = kind === "" ? "keys" : `${kind}s`
  const { body, raw } = yield* here.call({ method: "GET", path: kind === "" ? "/v1/config" : `/v1/${list}`, query })
  const next = (body as { readonly next: string | null }).next ?? undefined
  const found: ReadonlyArray<Listed> =
    kind === ""
      ? (body as Heads).keys.map(({ key, version }) => ({ name: key, version }))
      : definitionsIn(raw, kind, list)
  const wrong = found.find(({ name }) => kindIn(name) !== kind || !isKey(keyIn(name)))
  if (wrong !== undefined) return yield* strange(`the name ${JSON.stringify(wrong.name)}`)
  if (next !== undefined && next === after) return yield* strange("a page that is followed by itself")
  return { found, next }
})

/** Hands on what there is of these patterns, page by page, each name once. Fails as a read does. */
export const eachPage = Effect.fn("Server.eachPage")(function* <E, R>(
  here: Invocation,
  environment: string,
  patterns: ReadonlyArray<string>,
  take: (page: ReadonlyArray<Listed>) => Effect.Effect<void, E, R>
) {
  for (const pattern of outermost(patterns)) {
    const kind = kindIn(pattern)
    const prefix = prefixOf(pattern)
    if (prefix === undefined) {
      // The key itself is the first that begins with it.
      const { found } = yield* pageOf(here, environment, kind, keyIn(pattern), undefined, 1)
      yield* take(found.filter(({ name }) => name === pattern))
      continue
    }
    let after: string | undefined
    do {
      const { found, next } = yield* pageOf(here, environment, kind, keyIn(prefix), after, PAGE)
      yield* take(found)
      after = next
    } while (after !== undefined)
  }
})

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
  return { name: key, version, digest, type, strict, text, schema, schemaText: schemaText(schema) }
})

export interface Read {
  readonly name: string
  readonly version: number
  readonly shape: Found
  readonly content: Content
}

/** What is listed, with its value. Undefined: it is gone meanwhile. */
const readOne = (here: Invocation, environment: string, { name, version, entry }: Listed) => {
  if (entry !== undefined) {
    const { text, digest } = entry
    const its = { type: "json", strict: false } as const
    const read: Read = {
      ...{ name, version },
      shape: { name, version, digest, ...its, schema: "" },
      content: { text, ...its, schema: null }
    }
    return Effect.succeed<Read | undefined>(read)
  }
  return configurationOf(here, environment, name).pipe(
    Effect.map(({ version, digest, type, strict, text, schema, schemaText }): Read | undefined => ({
      ...{ name, version },
      shape: { name, version, digest, type, strict, schema: schemaText },
      content: { text, type, strict, schema }
    })),
    Effect.catch((failure) => (failure.exit === 4 ? Effect.succeed(undefined) : Effect.fail(failure)))
  )
}

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
 * Hands on each name of these patterns with its value: again where it changed meanwhile, and `gone` where it was deleted. Succeeds with how many there are,
 * and whether they are one state. JE1
 */
export const readAll = Effect.fn("Server.readAll")(function* <E, R>(
  here: Invocation,
  environment: string,
  patterns: ReadonlyArray<string>,
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
    yield* eachPage(here, environment, patterns, (page) =>
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
  const found = new Map<string, Found>()
  const { settled, moving } = yield* readAll(
    here,
    environment,
    patterns,
    ({ name, shape }) => Effect.sync(() => void found.set(name, shape)),
    (name) => Effect.sync(() => void found.delete(name))
  )
  if (whole && !settled) return yield* unsettled(environment, moving)
  return found
})
