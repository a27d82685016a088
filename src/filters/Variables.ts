/**
 * What a filter may name: the fields of a payload, and what Herald knows of an event. Pure.
 *
 *   VB1  What is declared is no more than what the schema says for certain: where it leaves a choice, the type is known by each value only.
 *   VB3  A schema of the same text is read once: what is compiled for it is compiled for all who have it. What is remembered is bounded in characters.
 *   VB2  A schema of any shape and depth is read in a few steps a field, and at most `FIELDS` of them.
 */

import { Weighed } from "../bounds/Weighed.ts"

/** CEL's types as JSON has them. `dyn`: whatever an event has. A number of JSON is a double, and an int where the schema says integer. */
export type Kind = "string" | "double" | "int" | "bool" | "dyn" | "map" | `list<${Scalar}>`
export type Scalar = "string" | "double" | "int" | "bool" | "dyn"

export interface Variables {
  /** Undefined: there is no schema, and every name is a field. */
  readonly fields: ReadonlyMap<string, Kind> | undefined
}

/** Of one schema. Those behind are reached as `payload.<name>`. */
export const FIELDS = 1_000

/** What Herald knows of an event. A field of the same name is `payload.<name>`. */
export const EVENT = {
  key: "string",
  headers: "map<string, string>",
  topic: "string",
  partition: "int",
  offset: "int",
  published_at: "google.protobuf.Timestamp"
} as const

export type EventName = keyof typeof EVENT

export const isEventName = (name: string): name is EventName => Object.hasOwn(EVENT, name)

/** What filters have to know of it before they are checked. */
export const KIND_OF_EVENT: { readonly [name in EventName]: Kind } = {
  key: "string",
  headers: "map",
  topic: "string",
  partition: "int",
  offset: "int",
  published_at: "map"
}

/** Without a schema. */
export const UNDECLARED: Variables = { fields: undefined }

/** References that are followed from one field. VB2 */
const HOPS = 4

/** `schema`: of a topic's payload, as JSON; undefined: it has none. */
export const variablesOf = (schema: unknown): Variables => {
  const properties = propertiesOf(resolved(schema, schema))
  if (properties === undefined) return UNDECLARED
  const fields = new Map<string, Kind>()
  for (const name of Object.keys(properties)) {
    if (fields.size === FIELDS) break
    fields.set(name, kindOf(properties[name], schema))
  }
  return { fields }
}

/** Characters. VB3 */
const KEPT = 33_554_432
const known = new Weighed<{ readonly characters: number; readonly variables: Variables }>(
  ({ characters }) => characters
)

/** `schema`: as a topic has it; null: it has none. VB3 */
export const variablesIn = (schema: string | null): Variables => {
  if (schema === null) return UNDECLARED
  const there = known.use(schema)
  if (there !== undefined) return there.variables
  const variables = variablesOf(JSON.parse(schema))
  known.set(schema, { characters: schema.length + 4_096, variables })
  known.trim(KEPT)
  return variables
}

type Node = Readonly<Record<string, unknown>>

const isNode = (value: unknown): value is Node => typeof value === "object" && value !== null && !Array.isArray(value)

const own = (node: Node, name: string): unknown => (Object.hasOwn(node, name) ? node[name] : undefined)

const propertiesOf = (schema: unknown): Node | undefined => {
  if (!isNode(schema)) return undefined
  const properties = own(schema, "properties")
  return isNode(properties) ? properties : undefined
}

/** What a reference within the schema stands for. */
const resolved = (node: unknown, root: unknown): unknown => {
  let found = node
  for (let hop = 0; isNode(found) && typeof own(found, "$ref") === "string"; hop++) {
    const ref = found["$ref"] as string
    if (hop === HOPS || !ref.startsWith("#/") || ref.length > 1_000) return undefined
    let at: unknown = root
    for (const part of ref.slice(2).split("/")) {
      const name = part.replaceAll("~1", "/").replaceAll("~0", "~")
      at = isNode(at) ? own(at, name) : undefined
    }
    found = at
  }
  return found
}

/** VB1 */
const kindOf = (node: unknown, root: unknown): Kind => {
  const found = resolved(node, root)
  if (!isNode(found)) return "dyn"
  switch (own(found, "type")) {
    case "string":
      return "string"
    case "number":
      return "double"
    case "integer":
      return "int"
    case "boolean":
      return "bool"
    case "object":
      return "map"
    case "array": {
      if (own(found, "prefixItems") !== undefined) return "list<dyn>"
      const items = kindOf(own(found, "items"), root)
      return isScalar(items) ? `list<${items}>` : "list<dyn>"
    }
    default:
      return "dyn"
  }
}

const isScalar = (kind: Kind): kind is Scalar => kind !== "map" && !kind.startsWith("list<")
