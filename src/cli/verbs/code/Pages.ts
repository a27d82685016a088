/**
 * What an environment of a server has, page by page: names with their versions, and what comes with them.
 *
 *   JE2  A name or a type that is none is an error, whoever says it: it becomes no path, and nothing is taken for something else.
 *   JE3  Values come many at once, and where only their types and digests count, without their texts: a store of 100,000 keys takes some hundred questions.
 */
import { createHash } from "node:crypto"
import * as Effect from "effect/Effect"
import type { Heads, Values } from "../../../edge/http/configuration/Wire.ts"
import { catalogue } from "../../../errors/Catalogue.ts"
import { isKey } from "../../../keys/Key.ts"
import { keyIn, kindIn, nameOf } from "../../../keys/Name.ts"
import { outermost, prefixOf } from "../../../keys/Pattern.ts"
import { canonical } from "../../../values/Canonical.ts"
import { membersAt, type NamedText, namedTextsIn } from "../../../values/Json.ts"
import { usage } from "../../CliFailure.ts"
import type { Invocation } from "../../Globals.ts"
import { isType } from "./FileName.ts"
import type { Content, Found } from "./Plan.ts"

/** JE2 */
export const strange = (what: string) =>
  usage(
    `the server has ${what.slice(0, 300)}, which this herald does not know`,
    "Check that --server is what is meant; a server that is newer than the command line takes a newer herald."
  )

export const digestOf = (text: string): string => createHash("sha256").update(text, "utf8").digest("hex")

/** Of a schema, for comparing; "" for none. */
export const schemaDigest = (schema: unknown): string =>
  schema === null || schema === undefined ? "" : digestOf(canonical(schema))

const PAGE = 1_000

/** What comes with the names: nothing, types and digests, or the values, too. */
export type Depth = "names" | "shapes" | "values"

export interface Read {
  readonly name: string
  readonly version: number
  readonly shape: Found
  /** Left out of shapes. */
  readonly content?: Content
}

/** A name with its version, and what came with it. */
export interface Listed {
  readonly name: string
  readonly version: number
  readonly read?: Read
}

const member = (texts: ReadonlyArray<NamedText>, name: string): string =>
  texts.find(([one]) => one === name)?.[1] ?? "null"

/** Flags or segments of a page, with the texts of their definitions, which come with every list. */
const definitionsIn = (raw: string, kind: string, list: string): ReadonlyArray<Listed> => {
  const all = member(namedTextsIn(raw) ?? [], list)
  return membersAt(all).map(({ from, to }) => {
    const texts = namedTextsIn(all.slice(from, to)) ?? []
    const name = nameOf(kind, JSON.parse(member(texts, kind)) as string)
    const version = JSON.parse(member(texts, "version")) as number
    const text = member(texts, "definition")
    const its = { type: "json", strict: false } as const
    const shape: Found = { name, version, digest: digestOf(text), ...its, schema: "" }
    return { name, version, read: { name, version, shape, content: { text, ...its, schema: null } } }
  })
}

const readIn = ({ values }: Values, depth: Depth): ReadonlyArray<Listed> | { readonly wrong: string } => {
  const found: Array<Listed> = []
  for (const { key: name, version, digest, strict, schemaDigest, schema, value: text, ...rest } of values) {
    const type: string = rest.type
    if (!isType(type)) return { wrong: `${name} of the type ${JSON.stringify(type)}` }
    const shape: Found = { name, version, digest, type, strict, schema: schemaDigest ?? "" }
    if (depth === "shapes") found.push({ name, version, read: { name, version, shape } })
    else if (text === undefined) return { wrong: `${name} without a value` }
    else found.push({ name, version, read: { name, version, shape, content: { text, type, strict, schema } } })
  }
  return found
}

interface Asked {
  readonly environment: string
  readonly kind: string
  readonly prefix: string
  readonly after: string | undefined
  readonly limit: number
}

const pageOf = Effect.fnUntraced(function* (
  here: Invocation,
  { kind, environment, prefix, after, limit }: Asked,
  depth: Depth
) {
  const query = { environment, prefix, limit, after }
  const get = (path: string, more: { readonly shape?: true } = {}) =>
    here.call({ method: "GET", path, query: { ...query, ...more } })
  const named = Effect.map(get("/v1/config"), ({ body }) => ({
    body,
    found: (body as Heads).keys.map(({ key, version }): Listed => ({ name: key, version }))
  }))
  const together = Effect.map(get("/v1/values", depth === "shapes" ? { shape: true } : {}), ({ body }) => ({
    body,
    found: readIn(body as Values, depth)
  })).pipe(
    // A server of before has no such route: its values are read one by one.
    Effect.catch((failure) => (failure.code === catalogue.NoSuchRoute.code ? named : Effect.fail(failure)))
  )
  const defined = Effect.map(get(`/v1/${kind}s`), ({ body, raw }) => ({
    body,
    found: definitionsIn(raw, kind, `${kind}s`)
  }))
  const { body, found } = yield* kind !== "" ? defined : depth === "names" ? named : together
  if ("wrong" in found) return yield* strange(found.wrong)
  const next = (body as { readonly next: string | null }).next ?? undefined
  const wrong = found.find(({ name }) => kindIn(name) !== kind || !isKey(keyIn(name)))
  if (wrong !== undefined) return yield* strange(`the name ${JSON.stringify(wrong.name)}`)
  if (next !== undefined && next === after) return yield* strange("a page that is followed by itself")
  return { found, next }
})

/** Hands on what there is of these patterns, page by page, each name once. Fails as a read does. */
export const eachPage = Effect.fn("Pages.eachPage")(function* <E, R>(
  here: Invocation,
  environment: string,
  patterns: ReadonlyArray<string>,
  depth: Depth,
  take: (page: ReadonlyArray<Listed>) => Effect.Effect<void, E, R>
) {
  for (const pattern of outermost(patterns)) {
    const kind = kindIn(pattern)
    const prefix = prefixOf(pattern)
    if (prefix === undefined) {
      // The key itself is the first that begins with it.
      const asked = { environment, kind, prefix: keyIn(pattern), after: undefined, limit: 1 }
      const { found } = yield* pageOf(here, asked, "names")
      yield* take(found.filter(({ name }) => name === pattern))
      continue
    }
    let after: string | undefined
    do {
      const { found, next } = yield* pageOf(
        here,
        { environment, kind, prefix: keyIn(prefix), after, limit: PAGE },
        depth
      )
      yield* take(found)
      after = next
    } while (after !== undefined)
  }
})
