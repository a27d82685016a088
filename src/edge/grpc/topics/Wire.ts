/** Translates between herald.topics.v1 and the model. Pure. */
import type {
  CreateTopicRequest,
  Topic,
  TopicStats,
  UpdateTopicRequest
} from "../../../../proto/generated/herald/topics/v1/managers.ts"
import type {
  FilterFigures,
  OpenProducerResponse,
  Problem,
  PublishEventsResponse
} from "../../../../proto/generated/herald/topics/v1/topics.ts"
import { failure, HeraldError } from "../../../errors/HeraldError.ts"
import type { Figures } from "../../../filters/Figures.ts"
import { fitted } from "../../../text/Fitted.ts"
import type { Published, Wish } from "../../../topics/Publishing.ts"
import { retentionOf, retentionText } from "../../../topics/RetentionText.ts"
import type * as Model from "../../../topics/Topic.ts"
import type { Opened } from "../../../topics/TopicStore.ts"
import type { TopicStats as Stats, TopicChange, TopicDraft } from "../../../topics/Topics.ts"
import type { Batch } from "./Decode.ts"

/** UTF-16 units of a problem's text. */
const DETAIL = 1_024

export const problemOf = (error: HeraldError): Problem => ({
  code: error.code,
  message: fitted(error.message, DETAIL),
  fix: error.row.fix,
  retryAfterMs: BigInt(Math.ceil(Number(error.details?.["retryAfterMillis"] ?? 0)))
})

/** `unfit`: what a change of its schema stops. YT6 */
export const topicOf = (topic: Model.Topic, unfit: ReadonlyArray<string> = []): Topic => ({
  name: topic.name,
  partitions: topic.partitions,
  retentionPolicy: retentionText(topic.retention),
  log: topic.log,
  compressionType: topic.compression,
  schemaVersion: topic.schema === null ? 0 : topic.schemaVersion,
  schema: topic.schema ?? "",
  enabled: topic.enabled,
  createdMs: BigInt(Math.trunc(topic.createdAt)),
  createdBy: topic.createdBy,
  description: topic.description,
  updatedMs: BigInt(Math.trunc(topic.updatedAt)),
  version: topic.version,
  unfit: unfit.map((one) => fitted(one, DETAIL))
})

const retained = (text: string): Model.Retention | HeraldError => {
  const found = retentionOf(text)
  return typeof found === "string" ? failure("InvalidInput", `retention_policy: ${found}`) : found
}

/** `schema`: as JSON; undefined: none. What is no log and no compression is refused by the model. */
export const draftOf = (request: CreateTopicRequest, schema: unknown): TopicDraft | HeraldError => {
  const retention = request.retentionPolicy === "" ? undefined : retained(request.retentionPolicy)
  if (retention instanceof HeraldError) return retention
  return {
    name: request.name,
    description: request.description,
    ...(request.partitions === 0 ? {} : { partitions: request.partitions }),
    ...(retention === undefined ? {} : { retention }),
    ...(request.log === "" ? {} : { log: request.log as Model.LogKind }),
    ...(request.compressionType === "" ? {} : { compression: request.compressionType as Model.Compression }),
    ...(schema === undefined ? {} : { schema })
  }
}

/** `schema`: as JSON; null: none any more; undefined: as it is. */
export const changeOf = (request: UpdateTopicRequest, schema: unknown): TopicChange | HeraldError => {
  const retention = request.retentionPolicy === undefined ? undefined : retained(request.retentionPolicy)
  if (retention instanceof HeraldError) return retention
  const { partitions, enabled, description } = request
  return {
    ...(partitions === undefined ? {} : { partitions }),
    ...(retention === undefined ? {} : { retention }),
    ...(enabled === undefined ? {} : { enabled }),
    ...(description === undefined ? {} : { description }),
    ...(schema === undefined ? {} : { schema })
  }
}

export const figuresOnWire = ({ looked, matched, missing, failed, costly, missingField }: Figures): FilterFigures => ({
  looked: BigInt(looked),
  matched: BigInt(matched),
  missing: BigInt(missing),
  failed: BigInt(failed),
  costly: BigInt(costly),
  missingField
})

export const statsOf = ({ topic: { name }, partitions, rates, producers, subscriptions }: Stats): TopicStats => ({
  name,
  partitions: partitions.map(({ partition, epoch, first, next, bytes, waiting }) => ({
    ...{ partition, epoch },
    firstOffset: BigInt(first),
    nextOffset: BigInt(next),
    bytes: BigInt(bytes),
    waitingBatches: waiting.batches,
    waitingBytes: BigInt(waiting.bytes),
    waitingMs: BigInt(Math.round(waiting.millis))
  })),
  eventsPerSecondIn: rates.in,
  eventsPerSecondOut: rates.out,
  readers: rates.readers,
  producers,
  subscriptions,
  filters: figuresOnWire(rates.filters)
})

export const wishOf = ({ topic, events, partition, producer, epoch, sequence }: Batch, until?: bigint): Wish => ({
  ...{ topic, events, partition, until },
  producing: producer === "" && epoch === 0 && sequence === 0 ? undefined : { producer, epoch, sequence }
})

export const publishedOf = ({ topic, placed, failed }: Published): PublishEventsResponse => ({
  placed: placed.map(({ partition, epoch, offset, count, duplicate, indexes }) => ({
    first: offset === undefined ? undefined : { partition, epoch, offset: BigInt(offset) },
    ...{ count, duplicate },
    indexes: indexes === undefined ? [] : [...indexes]
  })),
  partitions: topic.partitions,
  unplaced: failed.map(({ partition, indexes, error }) => ({
    partition,
    indexes: [...indexes],
    problem: problemOf(error)
  }))
})

export const openedOf = ({ epoch, sequences }: Opened, partitions: number): OpenProducerResponse => ({
  epoch,
  sequences: sequences.map(({ partition, sequence }) => ({ partition, sequence: BigInt(sequence) })),
  partitions
})
