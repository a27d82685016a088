/**
 * Adds to the OpenAPI document what its generator does not make of the contract. Pure.
 *
 *   OA1  A parameter that is a number, or one of true and false, is written as that, with its bounds: not as the text that travels.
 *   OA2  What is any JSON to the contract is what its use case takes.
 *   OA3  A body's example is one that works as it stands.
 *   OA5  Each time in milliseconds of an answer has the same in RFC 3339 beside it: `seenAt` and `seenTime`, `at` and `time`, `since` and
 *        `sinceTime`.
 *   OA6  Each answer to who is known says which limits there are, and what is left of them; one that says to come back says when.
 *   OA4  Groups of several capabilities may stand under one heading.
 */
import { Schema } from "effect"
import type { HttpApiGroup } from "effect/http-api"

interface Parameter {
  readonly name: string
  readonly in: string
  readonly schema?: Readonly<Record<string, unknown>>
}
interface Body {
  readonly content: Readonly<Record<string, { readonly schema?: { readonly $ref?: string } }>>
}
interface Operation {
  readonly parameters?: ReadonlyArray<Parameter>
  readonly requestBody?: Body
  readonly security?: ReadonlyArray<unknown>
  readonly responses?: Readonly<Record<string, { readonly headers?: object }>>
}
interface Spec {
  readonly tags?: ReadonlyArray<{ readonly name: string }>
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: Components
}
interface Shape {
  readonly properties?: Readonly<Record<string, object>>
  readonly examples?: ReadonlyArray<unknown>
}
interface Components {
  readonly schemas: Readonly<Record<string, Shape>>
}
interface Endpoint {
  readonly method: string
  readonly path: string
  readonly params?: Schema.Top
  readonly query?: Schema.Top
}

const endpointsOf = (groups: ReadonlyArray<HttpApiGroup.Constraint>): ReadonlyArray<Endpoint> =>
  groups.flatMap((group) => Object.values(group.endpoints) as unknown as ReadonlyArray<Endpoint>)

/** `/v1/config/{key}`: a path as the document writes it. */
const shown = (path: string) => path.replace(/:(\w+)/g, "{$1}")

type Properties = Readonly<Record<string, Readonly<Record<string, unknown>>>>

const propertiesOf = (schema: Schema.Top | undefined): Properties =>
  schema === undefined
    ? {}
    : ((Schema.toJsonSchemaDocument(Schema.toType(schema)).schema["properties"] as Properties | undefined) ?? {})

const PLAIN = new Set(["integer", "number", "boolean"])

/** OA1 */
const asMeant = (operation: Operation, { params, query }: Endpoint): Operation => {
  if (operation.parameters === undefined) return operation
  const meant: Readonly<Record<string, Properties>> = { path: propertiesOf(params), query: propertiesOf(query) }
  return {
    ...operation,
    parameters: operation.parameters.map((parameter) => {
      const schema = meant[parameter.in]?.[parameter.name]
      return schema !== undefined && PLAIN.has(String(schema["type"])) ? { ...parameter, schema } : parameter
    })
  }
}

/** Puts the example beside the schema, where most readers of the document look. OA3 */
const exemplified = (operation: Operation, { schemas }: Components): Operation => {
  if (operation.requestBody === undefined) return operation
  const content = Object.entries(operation.requestBody.content).map(([type, media]) => {
    const example = schemas[media.schema?.$ref?.split("/").at(-1) ?? ""]?.examples?.[0]
    return [type, example === undefined ? media : { ...media, example }] as const
  })
  return { ...operation, requestBody: { ...operation.requestBody, content: Object.fromEntries(content) } }
}

const text = (description: string, example: string) => ({ description, schema: { type: "string" }, example })
const RATE = {
  "RateLimit-Policy": text(
    "The limits that the request counted in: of each its quota of requests at once (q) and the seconds in which it is whole again (w). draft-ietf-httpapi-ratelimit-headers-11.",
    '"principal";q=10000;w=2'
  ),
  RateLimit: text(
    "Of each of these limits the requests that are left (r), as far as this node knows, and the seconds until it is whole again (t).",
    '"principal";r=9999;t=1'
  )
}
const RETRY = {
  "Retry-After": { description: "Seconds after which to come again.", schema: { type: "integer", minimum: 1 } }
}
/** Statuses that may come before somebody is known. */
const UNKNOWN = new Set(["401"])

/** OA6 */
const limited = (operation: Operation): Operation => {
  if (operation.responses === undefined || (operation.security?.length ?? 0) === 0) return operation
  const responses = Object.entries(operation.responses).map(([status, response]) => {
    const headers = {
      ...response.headers,
      ...(UNKNOWN.has(status) ? {} : RATE),
      ...(status === "429" || status === "503" ? RETRY : {})
    }
    return [status, { ...response, headers }] as const
  })
  return { ...operation, responses: Object.fromEntries(responses) }
}

const JSON_SCHEMA = {
  type: ["object", "boolean", "null"],
  description: "A JSON Schema (2020-12) for the value; null removes it; left out, it stays.",
  examples: [{ type: "object" }]
}
const ABOUT_VALUES =
  "A string is the text of the value, whatever its type; any other JSON is taken as it stands, byte for byte."
const WRITTEN = {
  type: ["string", "number", "boolean", "object", "array", "null"],
  description:
    "JSON where `type` is json, as it was published; otherwise, and with `as=text`, the text as it was published."
}
const ABOUT_FLAGS =
  "The definition, in flagd's form (`state`, `variants`, `defaultVariant`, `targeting`, `metadata`) or the simple one (`enabled`, `percentage`, `targetUsers`)."
const ABOUT_SEGMENTS = "Who is in it: by a `rule` (JSONLogic), by `targetUsers`, or by both."
const ABOUT_SETTINGS = "What the environment says of all its flags: `bucketing`, which is `v2` or `v3`."
const MEANT: Readonly<Record<string, Readonly<Record<string, object>>>> = {
  PublishBody: {
    value: { type: ["string", "number", "boolean", "object", "array"], description: ABOUT_VALUES },
    schema: JSON_SCHEMA
  },
  FlagBody: { value: { type: "object", description: ABOUT_FLAGS } },
  SegmentBody: { value: { type: "object", description: ABOUT_SEGMENTS } },
  ReleaseSegment: { value: { type: ["object", "null"], description: `${ABOUT_SEGMENTS} null archives the segment.` } },
  FlagSettingsBody: { value: { type: "object", description: ABOUT_SETTINGS } },
  FlagSettingsTry: { value: { type: "object", description: ABOUT_SETTINGS } },
  ReleaseFlag: { value: { type: ["object", "null"], description: `${ABOUT_FLAGS} null archives the flag.` } },
  Configuration: { value: WRITTEN },
  Reading: { value: WRITTEN },
  ReleaseChange: {
    value: {
      type: ["string", "number", "boolean", "object", "array", "null"],
      description: `${ABOUT_VALUES} null deletes the key.`
    },
    schema: JSON_SCHEMA
  }
}

/** OA2 */
const taken = (components: Components): Components => {
  const schemas = { ...components.schemas }
  for (const [name, meant] of Object.entries(MEANT)) {
    const schema = schemas[name]
    if (schema !== undefined) schemas[name] = { ...schema, properties: { ...schema.properties, ...meant } }
  }
  return { ...components, schemas }
}

export const documented =
  (groups: ReadonlyArray<HttpApiGroup.Constraint>) =>
  <S>(made: S): S => {
    const spec = made as unknown as Spec
    const paths: Record<string, Record<string, Operation>> = Object.fromEntries(
      Object.entries(spec.paths).map(([path, operations]) => [path, { ...operations }])
    )
    for (const endpoint of endpointsOf(groups)) {
      const operations = paths[shown(endpoint.path)]
      const method = endpoint.method.toLowerCase()
      const operation = operations?.[method]
      if (operations !== undefined && operation !== undefined)
        operations[method] = limited(exemplified(asMeant(operation, endpoint), spec.components))
    }
    const tags = [...new Map((spec.tags ?? []).map((tag) => [tag.name, tag])).values()] // OA4
    return { ...spec, tags, paths, components: taken(spec.components) } as unknown as S
  }
