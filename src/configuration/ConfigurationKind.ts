/** How configurations are written in the log and on the lanes between nodes (decision 0018). The first kind there was. Pure. */
import { Option, Schema } from "effect"
import { type Kind, OVERHEAD } from "../propagation/Kind.ts"
import type { Change, Revision } from "../propagation/Revision.ts"
import { Configuration } from "./Configuration.ts"

/** As JSON and rows carry it: JSON has no 64-bit integers, so the revision is text; the kind goes without saying. */
export type ConfigurationRow = Omit<Configuration, "kind" | "revision" | "rollout"> & { readonly revision: string }

export const asConfiguration = (row: ConfigurationRow): Configuration => ({
  ...row,
  kind: "configuration",
  revision: BigInt(row.revision)
})

const { kind: _, rollout: __, ...fields } = Configuration.fields

/** As other programs read it: `null` is the value of a deleted key, so that nobody takes it for an empty text. */
export const ConfigurationJson = Schema.Struct({
  ...fields,
  revision: Schema.BigIntFromString,
  value: Schema.NullOr(Schema.String)
})

/** Undefined when value and `deleted` contradict each other. */
export const fromJson = ({ value, deleted, ...rest }: typeof ConfigurationJson.Type): Configuration | undefined =>
  (value === null) === deleted ? { ...rest, kind: "configuration", deleted, value: value ?? "" } : undefined

/** Fields are named one by one, as the model may have some that the wire has not. */
export const toJson = (found: Configuration) => ({
  revision: String(found.revision),
  key: found.key,
  environment: found.environment,
  version: found.version,
  value: found.deleted ? null : found.value,
  valueType: found.valueType,
  deleted: found.deleted,
  schema: found.schema,
  strict: found.strict,
  template: found.template,
  digest: found.digest,
  createdAt: found.createdAt,
  updatedAt: found.updatedAt,
  updatedBy: found.updatedBy,
  changeLog: found.changeLog
})

const decode = Schema.decodeUnknownOption(ConfigurationJson)

const lengths = new WeakMap<object, number>()

/** Characters of a schema's text. Kept by object, as a schema is never changed. */
const lengthOf = (schema: unknown): number => {
  if (typeof schema !== "object" || schema === null) return 0
  let length = lengths.get(schema)
  if (length === undefined) lengths.set(schema, (length = JSON.stringify(schema).length))
  return length
}

/** About how many bytes of memory it takes: two a character, and the object around them. */
export const configurationBytes = ({ key, value, schema, changeLog }: Configuration): number =>
  OVERHEAD + 2 * (key.length + value.length + changeLog.length + lengthOf(schema))

export const configurationKind: Kind<Configuration> = {
  name: "configuration",
  bytes: configurationBytes,
  fromLog: (stored) => asConfiguration(stored as ConfigurationRow),
  toLane: toJson,
  fromLane: (said) => {
    const found = Option.getOrUndefined(decode(said))
    return found && fromJson(found)
  },
  word: "config",
  told: ({ key, version, deleted, value, valueType, digest }) => ({
    service: key.split(".")[0]!,
    version,
    deleted,
    value: deleted ? null : value,
    valueType,
    digest
  })
}

export const isConfiguration = (change: Change): change is Configuration => change.kind === configurationKind.name

export const configurationsIn = ({ changes }: Revision): ReadonlyArray<Configuration> => changes.filter(isConfiguration)
