/**
 * What has to change so that an environment has what is wanted. Pure.
 *
 *   JA1  Each change expects the version that the plan was made from, 0 where there was nothing: what is changed meanwhile is a conflict.
 *   JA2  Deleted is only what is there, within the patterns that are pruned, and is not wanted.
 *   JA3  What is there as it is wanted is left alone: same text, type, schema and strictness.
 */
import { keyIn, kindIn } from "../../../keys/Name.ts"
import { coveredBy } from "../../../keys/Pattern.ts"
import type { ValueType } from "../../../values/ValueType.ts"

/** What there is of a name besides its value. */
export interface Shape {
  readonly name: string
  /** SHA-256 of the value's text, or of a definition's. */
  readonly digest: string
  readonly type: ValueType
  readonly strict: boolean
  /** SHA-256 of the schema as canonical JSON; "" for none. */
  readonly schema: string
}

export interface Found extends Shape {
  readonly version: number
}

export type Part = "value" | "type" | "schema" | "strict"

export interface Step {
  readonly name: string
  readonly action: "create" | "update" | "delete"
  /** That it replaces; 0: it must not be there. JA1 */
  readonly version: number
  /** What an update changes. */
  readonly parts: ReadonlyArray<Part>
}

export interface Plan {
  /** In the order of names. */
  readonly steps: ReadonlyArray<Step>
  readonly unchanged: number
}

const partsOf = (wanted: Shape, found: Shape): ReadonlyArray<Part> => [
  ...(wanted.digest === found.digest ? [] : (["value"] as const)),
  ...(wanted.type === found.type ? [] : (["type"] as const)),
  ...(wanted.schema === found.schema ? [] : (["schema"] as const)),
  ...(wanted.strict === found.strict ? [] : (["strict"] as const))
]

/** `prune`: the patterns of what is deleted where it is not wanted. */
export const planOf = (
  wanted: ReadonlyMap<string, Shape>,
  found: ReadonlyMap<string, Found>,
  prune: ReadonlyArray<string> = []
): Plan => {
  const steps: Array<Step> = []
  for (const [name, shape] of wanted) {
    const there = found.get(name)
    const parts = there === undefined ? [] : partsOf(shape, there)
    if (there === undefined) steps.push({ name, action: "create", version: 0, parts })
    else if (parts.length > 0) steps.push({ name, action: "update", version: there.version, parts })
  }
  const unchanged = wanted.size - steps.length
  for (const { name, version } of found.values())
    if (!wanted.has(name) && coveredBy(prune, name)) steps.push({ name, action: "delete", version, parts: [] })
  return { steps: steps.toSorted((a, b) => (a.name < b.name ? -1 : 1)), unchanged }
}

/** What is wanted of a name, with its text. */
export interface Content {
  readonly text: string
  readonly type: ValueType
  readonly strict: boolean
  /** A JSON Schema, or null. */
  readonly schema: unknown
}

export interface ReleaseParts {
  readonly changes: ReadonlyArray<Record<string, unknown>>
  readonly flags?: ReadonlyArray<Record<string, unknown>>
  readonly segments?: ReadonlyArray<Record<string, unknown>>
}

/** A step as a part of a release. `content` undefined: it is deleted. Values and definitions go as texts, so that they arrive as they are. */
const partOf = (environment: string, { name, version }: Step, content: Content | undefined, force: boolean) => {
  const kind = kindIn(name)
  const its = { environment, value: content?.text ?? null, expectedVersion: version } // JA1
  if (kind !== "") {
    const forced = kind === "flag" && content === undefined && force ? { force } : {}
    return { [kind]: keyIn(name), ...its, ...forced }
  }
  if (content === undefined) return { key: name, ...its }
  const { type, strict, schema } = content
  return { key: name, ...its, type, strict, schema }
}

/** One release. */
export const releaseOf = (
  environment: string,
  steps: ReadonlyArray<Step>,
  contents: ReadonlyMap<string, Content>,
  force: boolean
): ReleaseParts => {
  const of = (kind: string) =>
    steps
      .filter(({ name }) => kindIn(name) === kind)
      .map((step) => partOf(environment, step, step.action === "delete" ? undefined : contents.get(step.name), force))
  const [changes, flags, segments] = [of(""), of("flag"), of("segment")]
  return {
    changes,
    ...(flags.length === 0 ? {} : { flags }),
    ...(segments.length === 0 ? {} : { segments })
  }
}
