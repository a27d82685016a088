/** Topics as JSON; their events are in EventWire.ts. */
import { Schema } from "effect"
import { failure, type HeraldError } from "../../../errors/HeraldError.ts"
import { Plain } from "../../../text/Plain.ts"
import { PRODUCER_LENGTH } from "../../../topics/Batch.ts"
import { retentionOf, retentionText } from "../../../topics/RetentionText.ts"
import * as Model from "../../../topics/Topic.ts"
import type { Opened } from "../../../topics/TopicStore.ts"
import type { TopicStats as Stats, TopicChange, TopicDraft } from "../../../topics/Topics.ts"
import { Message, Stamp, stamp, TopicName, Whole, within } from "../Wire.ts"

export const Target = { topic: TopicName }
export const Partition = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Model.PARTITIONS - 1 }))
export const Producer = Plain(PRODUCER_LENGTH)

const Retention = Plain(60).annotate({ examples: ["7d,10GiB"] })
const Description = Plain(Model.DESCRIPTION_LENGTH)

/** `retention`: a time, a size of each partition, or both. `log`, `compression`: never changed afterwards. `schema`: a JSON Schema (2020-12). */
export const TopicBody = Schema.Struct({
  name: TopicName,
  partitions: Schema.optionalKey(within(1, Model.PARTITIONS)),
  retention: Schema.optionalKey(Retention),
  log: Schema.optionalKey(Schema.Literals(Model.LOGS)),
  compression: Schema.optionalKey(Schema.Literals(Model.COMPRESSIONS)),
  schema: Schema.optionalKey(Schema.Unknown),
  enabled: Schema.optionalKey(Schema.Boolean),
  description: Schema.optionalKey(Description),
  message: Schema.optionalKey(Message)
}).annotate({ identifier: "TopicBody", examples: [{ name: "orders", partitions: 4, retention: "7d" }] })

/** What is left out stays. `schema` null: events are not checked any more. `expectedVersion`: fail unless it is the current one. */
export const TopicChangeBody = Schema.Struct({
  partitions: Schema.optionalKey(within(1, Model.PARTITIONS)),
  retention: Schema.optionalKey(Retention),
  schema: Schema.optionalKey(Schema.Unknown),
  enabled: Schema.optionalKey(Schema.Boolean),
  description: Schema.optionalKey(Description),
  message: Schema.optionalKey(Message),
  expectedVersion: Schema.optionalKey(Whole)
}).annotate({ identifier: "TopicChangeBody", examples: [{ retention: "30d" }] })

/** `version` counts its changes, `schemaVersion` its schemas; 0: it never had one. */
export const Topic = Schema.Struct({
  name: Schema.String,
  partitions: Whole,
  retention: Schema.String,
  log: Schema.Literals(Model.LOGS),
  compression: Schema.Literals(Model.COMPRESSIONS),
  schema: Schema.Unknown,
  schemaVersion: Whole,
  enabled: Schema.Boolean,
  description: Schema.String,
  version: Whole,
  createdAt: Schema.Finite,
  createdTime: Stamp,
  createdBy: Schema.String,
  updatedAt: Schema.Finite,
  updatedTime: Stamp
}).annotate({ identifier: "Topic" })
export type Topic = typeof Topic.Type

/** `unfit`: what its schema, which was changed, stops, and why: rules that route from it, and filters of subscriptions. */
export const ChangedTopic = Schema.Struct({ ...Topic.fields, unfit: Schema.Array(Schema.String) }).annotate({
  identifier: "ChangedTopic"
})
export type ChangedTopic = typeof ChangedTopic.Type

/** `next`: give it as `after` for the next page; null at the end. */
export const TopicList = Schema.Struct({ topics: Schema.Array(Topic), next: Schema.NullOr(Schema.String) })
export type TopicList = typeof TopicList.Type

/** `first`: the oldest event that there is; `next`: the offset that is given next. */
const PartitionStats = Schema.Struct({
  partition: Whole,
  epoch: Whole,
  first: Whole,
  next: Whole,
  bytes: Whole,
  waiting: Schema.Struct({ batches: Whole, bytes: Whole, millis: Whole })
})

/**
 * What became of the events that a filter, or several, were asked about: it is true of `matched`; they lack a field that it needs (`missing`), end it with an
 * error (`failed`), or would cost too much (`costly`). Of the others it is not true. `missingField`: the field that the last of `missing` lacked; "" where
 * there is none, and of a topic's filters all together.
 */
export const FilterFigures = Schema.Struct({
  looked: Whole,
  matched: Whole,
  missing: Whole,
  failed: Whole,
  costly: Whole,
  missingField: Schema.String
}).annotate({ identifier: "FilterFigures" })

/**
 * `producers`: that it remembers. `waiting`: what publishers of the node that answers wait for, and the milliseconds since it was answered anything.
 * `rates`: events a second over the last minute, and readers that are connected, of that node;
 * `filters`: those of its readers and pages, all together, over that minute.
 */
export const TopicStats = Schema.Struct({
  topic: Schema.String,
  partitions: Schema.Array(PartitionStats),
  events: Whole,
  bytes: Whole,
  producers: Whole,
  subscriptions: Whole,
  rates: Schema.Struct({ in: Schema.Finite, out: Schema.Finite, readers: Whole }),
  filters: FilterFigures
}).annotate({ identifier: "TopicStats" })
export type TopicStats = typeof TopicStats.Type

export const ProducerBody = Schema.Struct({ producer: Producer }).annotate({
  identifier: "ProducerBody",
  examples: [{ producer: "shop-1" }]
})
/** `sequences`: the newest one of each partition that has any. `partitions`: of the topic; a key's is murmur3-32 of it, modulo this. */
export const OpenedProducer = Schema.Struct({
  producer: Schema.String,
  epoch: Whole,
  sequences: Schema.Array(Schema.Struct({ partition: Whole, sequence: Whole })),
  partitions: Whole
}).annotate({ identifier: "OpenedProducer" })
export type OpenedProducer = typeof OpenedProducer.Type

const retained = <A extends { readonly retention?: string }>({ retention, ...rest }: A) => {
  if (retention === undefined) return rest
  const found = retentionOf(retention)
  return typeof found === "string" ? failure("InvalidInput", `retention: ${found}`) : { ...rest, retention: found }
}

export const draftOf = ({ message: _, ...body }: typeof TopicBody.Type): TopicDraft | HeraldError =>
  retained(body) as TopicDraft | HeraldError

export const changeOf = ({
  message: _,
  expectedVersion: __,
  ...body
}: typeof TopicChangeBody.Type): TopicChange | HeraldError => retained(body) as TopicChange | HeraldError

export const topic = (found: Model.Topic): Topic => ({
  name: found.name,
  partitions: found.partitions,
  retention: retentionText(found.retention),
  log: found.log,
  compression: found.compression,
  schema: found.schema === null ? null : JSON.parse(found.schema),
  schemaVersion: found.schemaVersion,
  enabled: found.enabled,
  description: found.description,
  version: found.version,
  createdAt: found.createdAt,
  createdTime: stamp(found.createdAt),
  createdBy: found.createdBy,
  updatedAt: found.updatedAt,
  updatedTime: stamp(found.updatedAt)
})

export const stats = ({
  topic: { name },
  partitions,
  rates: { filters, ...rates },
  producers,
  subscriptions
}: Stats): TopicStats => ({
  topic: name,
  partitions: partitions.map(({ partition, epoch, first, next, bytes, waiting }) => ({
    ...{ partition, epoch, first, next, bytes },
    waiting: { ...waiting, millis: Math.round(waiting.millis) }
  })),
  events: partitions.reduce((sum, { first, next }) => sum + next - first, 0),
  bytes: partitions.reduce((sum, { bytes }) => sum + bytes, 0),
  producers,
  subscriptions,
  rates,
  filters
})

export const opened = (
  producer: string,
  { epoch, sequences, partitions }: Opened & { readonly partitions: number }
): OpenedProducer => ({ producer, epoch, sequences, partitions })
