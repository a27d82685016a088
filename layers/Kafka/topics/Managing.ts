/**
 * Makes, changes and removes topics in Kafka, as Herald's topics are.
 *
 *   KM1  What is in Kafka already is nobody's here: a topic of that name is not taken over, and so never changed or deleted with one of Herald's. What Herald
 *        made is known again by Kafka's id, which no other topic ever has.
 *   KM4  A topic whose making was not answered is found again by a number that this making alone gave it, and is Herald's; one that comes to be there later
 *        still, when nobody waits for it, is removed. So a lost answer leaves no topic behind that nobody has.
 *   KM2  Names that Kafka keeps for itself, or Herald for what it tells others, are no topics'.
 */
import { randomInt } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import { Effect, Schedule } from "effect"
import type { Admin, Kafka } from "kafkajs"
import { failure, HeraldError } from "../../../src/errors/HeraldError.ts"
import { BATCH_BYTES } from "../../../src/topics/Limits.ts"
import { kafkaName, type Retention, type Topic } from "../../../src/topics/Topic.ts"
import type { LogTopics } from "../../../src/topics/TopicLog.ts"
import { createTopic, deleteTopic, type NewTopic } from "./Administering.ts"
import { type Brokers, isRefused } from "./Brokers.ts"
import { enlist } from "./Fencing.ts"
import { codes, Refused } from "./Protocol.ts"
import { away } from "./Waiting.ts"
import { OwnWords, saidBy } from "./Words.ts"

const REPLICAS = 3
/** A round, with the room that records take. */
const MOST_BATCH = 2 * BATCH_BYTES
const LARGEST = "max.message.bytes"
const [MINUTE, WEEK] = [60_000, 604_800_000]
/** Milliseconds that Kafka has for making or removing one. */
const TIMEOUT = 10_000

/** What a topic is set to. Whole segments go, so they are short against what is kept. */
export const configOf = ({ millis, bytes }: Retention, replicas: number): Readonly<Record<string, string>> => ({
  "cleanup.policy": "delete",
  "compression.type": "producer",
  "message.timestamp.type": "LogAppendTime",
  [LARGEST]: String(MOST_BATCH),
  "min.insync.replicas": String(replicas > 1 ? 2 : 1),
  "unclean.leader.election.enable": "false",
  "retention.ms": String(millis ?? -1),
  "retention.bytes": String(bytes ?? -1),
  "segment.ms": String(Math.min(WEEK, Math.max(MINUTE, Math.floor((millis ?? WEEK) / 10)))),
  ...(bytes === null
    ? {}
    : { "segment.bytes": String(Math.min(2 ** 30, Math.max(MOST_BATCH, Math.floor(bytes / 10)))) })
})

/** What Kafka answered, by its own name for it; kafkajs has that in `type`. */
const answerOf = (cause: unknown): string => {
  if (cause instanceof Refused) return cause.message
  const { type } = Object(cause) as { readonly type?: unknown }
  return typeof type === "string" && /^[A-Z_]{1,64}$/.test(type) ? `Kafka answered with ${type}` : ""
}

/** FL3 */
const failed = (cause: unknown): HeraldError => {
  const answer = answerOf(cause)
  return /AUTHORIZATION|POLICY|INVALID|UNSUPPORTED|UNKNOWN_TOPIC/.test(answer)
    ? failure("TopicLogRefused", `Kafka did not do it: ${answer}`, { cause })
    : away(cause)
}

const done = <A>(use: () => Promise<A>): Effect.Effect<A, HeraldError> =>
  Effect.tapError(
    Effect.tryPromise({ try: use, catch: (cause) => (cause instanceof HeraldError ? cause : failed(cause)) }),
    ({ cause }) =>
      cause === undefined
        ? Effect.void
        : Effect.logWarning("Kafka did not do what was asked of a topic", { reason: saidBy(cause) })
  )

const withAdmin = async <A>(kafka: Kafka, use: (admin: Admin) => Promise<A>): Promise<A> => {
  const admin = kafka.admin()
  try {
    await admin.connect()
    return await use(admin)
  } finally {
    await admin.disconnect().catch(() => {})
  }
}

/** Milliseconds until every broker knows of a change, and between two looks. */
const [PATIENCE, LOOK] = [10_000, 50]

/** Milliseconds for which one is looked for whose making was not answered. KM4 */
const FOUND = 5_000
/** Between two looks for one that nobody waits for any more, and how many there are: 10 minutes. Topics that are looked for like that. */
const [LATER, LOOKS, LATE] = ["3 seconds", 200, 64] as const
/** Bytes by which a making makes what a batch may have larger: by so many it is known. KM4 */
const NUMBERS = 1_048_576

/** Nobody knows whether Kafka makes it. */
class Unsure extends OwnWords {
  readonly topic: string
  readonly number: number

  constructor(topic: string, number: number, cause: unknown) {
    super(
      `whether it makes the topic ${topic} is not known. If it does within 10 minutes, this node removes it again; where it is still there then, it is empty and can be deleted in Kafka`,
      { cause }
    )
    this.topic = topic
    this.number = number
  }
}

/** Until all partitions have leaders, or it took too long: publishers wait for them then. */
const settled = async (brokers: Brokers, name: string, partitions: number): Promise<void> => {
  const wanted = Array.from({ length: partitions }, (_, partition) => partition)
  for (const until = performance.now() + PATIENCE; performance.now() < until; await sleep(LOOK)) {
    const leaders = (await brokers.look(name))?.leaders
    if (wanted.every((partition) => (leaders?.get(partition) ?? -1) >= 0)) return
  }
}

const taken = (name: string) => failure("KafkaTopicExists", `Kafka has a topic ${name}`)
const isTaken = (error: unknown): boolean => error instanceof HeraldError && error.refused

export interface ManagingOptions {
  readonly kafka: Kafka
  readonly brokers: Brokers
  /** Names in Kafka that Herald has for other things. */
  readonly own: ReadonlyArray<string>
  /** Called with the topic's id. */
  readonly changed: (topic: number) => void
  /** Does it for as long as there is the log. */
  readonly fork: (work: Effect.Effect<void>) => Effect.Effect<void>
}

export const makeManaging = ({ kafka, brokers, own, changed, fork }: ManagingOptions): Omit<LogTopics, "open"> => {
  /** The topic of that name that was made with that number; undefined: there is none. Throws where another one has the name. */
  const numbered = async (name: string, number: number): Promise<string | undefined> => {
    const found = await brokers.look(name)
    if (found === undefined) return undefined
    const { resources } = await withAdmin(kafka, (admin) =>
      admin.describeConfigs({ includeSynonyms: false, resources: [{ type: 2, name, configNames: [LARGEST] }] })
    )
    const entry = resources[0]?.configEntries.find(({ configName }) => configName === LARGEST)
    if (entry?.configValue !== String(MOST_BATCH + number)) throw taken(name)
    return found.id
  }
  /** KM4 */
  const lookedFor = async (name: string, number: number, cause: unknown): Promise<string> => {
    for (const until = performance.now() + FOUND; performance.now() < until; await sleep(LOOK)) {
      const id = await numbered(name, number).catch((error) => {
        if (isTaken(error)) throw error
        return undefined
      })
      if (id !== undefined) return id
    }
    throw new Unsure(name, number, cause)
  }
  const begin = async (wanted: Omit<NewTopic, "config">, retention: Retention): Promise<string> => {
    const { name, replicas } = wanted
    const number = randomInt(1, NUMBERS)
    const config = { ...configOf(retention, replicas), [LARGEST]: String(MOST_BATCH + number) }
    let out = false
    try {
      return await brokers.askController(createTopic({ ...wanted, config }, TIMEOUT), () => {
        out = true
      })
    } catch (cause) {
      if (isRefused(cause) && cause.code === codes.TOPIC_ALREADY_EXISTS) throw taken(name) // KM1
      if (!out || (isRefused(cause) && cause.code !== codes.REQUEST_TIMED_OUT)) throw cause
      return await lookedFor(name, number, cause)
    }
  }
  let late = 0
  /** Removes it when it comes to be there. KM4 */
  const unwanted = ({ topic, number }: Unsure): Effect.Effect<void> => {
    const look = Effect.tryPromise({
      try: async () => {
        const id = await numbered(topic, number)
        if (id === undefined) throw new Error("it is not there yet")
        await brokers.askController(deleteTopic(id, TIMEOUT))
      },
      catch: (cause) => cause
    })
    return look.pipe(
      Effect.andThen(Effect.logWarning("Kafka made a topic for which nobody waits any more: it is removed", { topic })),
      Effect.retry({
        schedule: Schedule.spaced(LATER).pipe(Schedule.upTo({ times: LOOKS })),
        while: (cause) => !isTaken(cause)
      }),
      Effect.ignore,
      Effect.ensuring(
        Effect.sync(() => {
          late--
        })
      )
    )
  }
  /** As `done`; what may be made later is watched for. */
  const making = (use: () => Promise<string>): Effect.Effect<string, HeraldError> =>
    Effect.tapError(done(use), ({ cause }) => {
      if (!(cause instanceof Unsure) || late >= LATE) return Effect.void
      late++
      return fork(unwanted(cause))
    })
  const make = async (topic: Topic): Promise<string> => {
    const name = kafkaName(topic.name)
    const count = (await brokers.cluster()).brokers.size
    if (count === 0) throw new OwnWords("none of its brokers is let in now")
    const replicas = Math.min(REPLICAS, count)
    const id = await begin({ name, partitions: topic.partitions, replicas }, topic.retention)
    try {
      // Whether its writers will get their identities; and the first of all takes Kafka seconds.
      await enlist(brokers, "herald.topics.ready")
    } catch (cause) {
      await brokers.askController(deleteTopic(id, TIMEOUT)).catch(() => {
        throw failure("TopicLogUnavailable", `the topic ${name} can't be used, and is left in Kafka`, { cause })
      })
      throw cause
    }
    await settled(brokers, name, topic.partitions).catch(() => {}) // it is there
    return id
  }
  const change = async (topic: Topic): Promise<string> => {
    const name = kafkaName(topic.name)
    const found = await brokers.look(name)
    if (found === undefined) return await make(topic)
    if (found.id !== topic.madeAs) throw taken(name) // KM1
    await withAdmin(kafka, async (admin) => {
      if (found.partitions < topic.partitions)
        await admin.createPartitions({ topicPartitions: [{ topic: name, count: topic.partitions }] })
      const config = Object.entries(configOf(topic.retention, found.replicas))
      const configEntries = config.map(([name, value]) => ({ name, value }))
      await admin.alterConfigs({ validateOnly: false, resources: [{ type: 2, name, configEntries }] })
    })
    await settled(brokers, name, topic.partitions).catch(() => {})
    return found.id
  }
  const told = (topic: Topic) => Effect.sync(() => changed(topic.id))
  return {
    // KM2
    wrongName: (name) => {
      const its = kafkaName(name)
      if (its.startsWith("__") || its === "." || its === "..") return `Kafka keeps ${its} for itself`
      return own.includes(its) ? `${its} is where this Herald tells others of changes` : undefined
    },
    create: (topic) => making(() => make(topic)),
    change: (topic) =>
      Effect.tap(
        making(() => change(topic)),
        told(topic)
      ),
    remove: (topic) =>
      Effect.tap(
        topic.madeAs === undefined
          ? Effect.void
          : done(() => brokers.askController(deleteTopic(topic.madeAs!, TIMEOUT))),
        told(topic)
      )
  }
}
