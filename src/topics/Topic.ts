/**
 * What a topic is: a named log of events, in partitions. Pure.
 *
 *   TT2  A topic keeps events for a time, up to a size, or both: never without a bound.
 *   TT3  Partitions are added and never taken away; where events are stored is never changed.
 */
import { wrongTopicName } from "../keys/TopicName.ts"

export { isTopicName, TOPIC_LENGTH, topicNameRule, wrongTopicName } from "../keys/TopicName.ts"

export const PARTITIONS = 256
/** Characters. */
export const DESCRIPTION_LENGTH = 1_000
/** Characters of a topic's JSON Schema. */
export const SCHEMA_LENGTH = 262_144
/** Topics of one Herald. */
export const TOPICS = 10_000
/** Partitions of all topics together: some things of a node grow with them. */
export const PARTITIONS_IN_ALL = 50_000

const DAY = 86_400_000
/** Milliseconds. */
export const LEAST_RETENTION = 60_000
export const LONGEST_RETENTION = 400 * DAY
/** Bytes of a partition. */
export const SMALLEST_RETENTION = 1_048_576
export const LARGEST_RETENTION = 2 ** 50

/** PostgreSQL; the memory of one node, lost with it; Kafka. */
export const LOGS = ["postgres", "ephemeral", "kafka"] as const
export type LogKind = (typeof LOGS)[number]

/** A topic's name in Kafka, which has no slashes. */
export const kafkaName = (name: string): string => name.replaceAll("/", ".")

export const COMPRESSIONS = ["zstd", "none"] as const
export type Compression = (typeof COMPRESSIONS)[number]

export interface Retention {
  /** How long an event is kept at least, in milliseconds; null: as long as there is room. */
  readonly millis: number | null
  /** As they are stored, of each partition; null: as many as come in that time. */
  readonly bytes: number | null
}

/** What of a topic may be changed. */
export interface Changeable {
  readonly partitions: number
  readonly retention: Retention
  /** A JSON Schema (2020-12) as text, by which payloads are checked; null: they are not. */
  readonly schema: string | null
  /** Off: nothing is published to it. It is read as before. */
  readonly enabled: boolean
  readonly description: string
}

/** What a topic is created by. */
export interface Definition extends Changeable {
  readonly name: string
  readonly log: LogKind
  readonly compression: Compression
}

export interface Topic extends Definition {
  /** Never given to another one, not even to one of the same name. */
  readonly id: number
  /** Counts what was changed of it, from 1. */
  readonly version: number
  /** Counts the schemas that it had, from 1; 0: it has none. */
  readonly schemaVersion: number
  /** Where another system holds the log: how that knows what it made for this topic. */
  readonly madeAs?: string
  /** Milliseconds since 1970. */
  readonly createdAt: number
  readonly createdBy: string
  readonly updatedAt: number
}

const isWhole = (value: number, least: number, most: number) =>
  Number.isSafeInteger(value) && value >= least && value <= most

/** What is wrong with a definition, as a sentence about one of its fields. The schema itself is compiled elsewhere. */
export const wrongDefinition = (definition: Definition): string | undefined => {
  const { name, log, compression } = definition
  const wrong = wrongTopicName(name)
  if (wrong !== undefined) return `name: it ${wrong}`
  if (!LOGS.includes(log)) return `log: one of ${LOGS.join(", ")}`
  if (!COMPRESSIONS.includes(compression)) return `compression: one of ${COMPRESSIONS.join(", ")}`
  return wrongChangeable(definition)
}

export const wrongChangeable = ({ partitions, retention, schema, description }: Changeable): string | undefined => {
  if (!isWhole(partitions, 1, PARTITIONS)) return `partitions: a whole number from 1 to ${PARTITIONS}`
  const { millis, bytes } = retention
  if (millis === null && bytes === null) return "retention: a time, a size or both"
  if (millis !== null && !isWhole(millis, LEAST_RETENTION, LONGEST_RETENTION)) return "retention: from 1m to 400d"
  if (bytes !== null && !isWhole(bytes, SMALLEST_RETENTION, LARGEST_RETENTION)) return "retention: from 1MiB to 1024TiB"
  if (schema !== null && (schema.length > SCHEMA_LENGTH || !schema.isWellFormed()))
    return `schema: at most ${SCHEMA_LENGTH} characters of well-formed Unicode`
  if (description.length > DESCRIPTION_LENGTH || !description.isWellFormed() || /\p{Cc}/u.test(description))
    return `description: at most ${DESCRIPTION_LENGTH} characters, none of them a control character`
  return undefined
}
