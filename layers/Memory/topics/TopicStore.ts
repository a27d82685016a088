/** TopicStore over a `State`. */
import { Clock, Effect, Layer } from "effect"
import { inScope } from "../../../src/access/TopicRights.ts"
import { failure } from "../../../src/errors/HeraldError.ts"
import { ownerOf } from "../../../src/topics/Owned.ts"
import { partitionKey } from "../../../src/topics/Piece.ts"
import { kafkaName, PARTITIONS_IN_ALL, TOPICS, type Topic } from "../../../src/topics/Topic.ts"
import { type Note, PRODUCERS, PRODUCERS_OF_ONE, producersFull, TopicStore } from "../../../src/topics/TopicStore.ts"
import { AccessTables } from "../access/AccessTables.ts"
import { State } from "../State.ts"
import { TopicTables } from "./TopicTables.ts"

/** Milliseconds. TS6 */
const GIVEN_UP = 60_000

export const layer = Layer.effect(
  TopicStore,
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const state = yield* State.service
    const tables = state.tables(TopicTables)
    const access = state.tables(AccessTables)
    const { topics, producers, partitions } = tables
    const now = () => clock.currentTimeMillisUnsafe()
    const fits = (more: number, morePartitions: number) => {
      let all = morePartitions
      for (const topic of topics.values()) all += topic.partitions
      return topics.size + more <= TOPICS && all <= PARTITIONS_IN_ALL
    }
    const full = (name: string) => failure("TopicsFull", `${name} has no room: there are too many topics or partitions`)

    /** TS4 */
    const tell = ({ name, id, version }: Topic, action: string, note: Note | undefined, more: object): void => {
      if (note === undefined) return
      const { by, keyId, message } = note
      const details = { topic: name, id, version, keyId, ...(message === "" ? {} : { message }), ...more }
      access.append({ configId: "", action, performedBy: by, details, createdAt: now() })
    }

    /** TS6 */
    const seen = (topic: Topic | undefined): Topic | undefined =>
      topic?.log === "kafka" && topic.madeAs === undefined ? undefined : topic
    const drop = (held: Topic, note: Note | undefined): boolean => {
      topics.delete(held.name)
      tell(held, "topic.delete", note, {})
      producers.delete(held.id)
      for (const { id } of tables.of([held.id])) partitions.delete(partitionKey(id))
      return true
    }
    const heldById = (id: number) => [...topics.values()].find((topic) => topic.id === id && topic.log === "kafka")

    return TopicStore.of({
      create: (definition, by, note) =>
        Effect.suspend(() => {
          const { name, schema } = definition
          const isSame = (other: Topic) =>
            other.name === name ||
            (other.log === "kafka" && definition.log === "kafka" && kafkaName(other.name) === kafkaName(name))
          for (const other of topics.values())
            if (isSame(other) && seen(other) === undefined && other.createdAt < now() - GIVEN_UP) drop(other, undefined)
          if (!fits(1, definition.partitions)) return Effect.fail(full(name))
          if ([...topics.values()].some(isSame)) return Effect.fail(failure("TopicExists", `there is a topic ${name}`))
          const at = now()
          const schemaVersion = schema === null ? 0 : 1
          const made: Topic = {
            ...definition,
            id: ++tables.ids,
            version: 1,
            schemaVersion,
            createdAt: at,
            createdBy: by,
            updatedAt: at
          }
          topics.set(name, made)
          if (made.log === "postgres") tables.make(made.id, made.partitions, at)
          tell(made, "topic.create", note, {
            partitions: made.partitions,
            retention: made.retention,
            log: made.log,
            schemaVersion
          })
          return Effect.succeed(made)
        }),
      get: (name) => Effect.sync(() => seen(topics.get(name))),
      list: (prefix, after, limit, scope) =>
        Effect.sync(() => {
          const found = [...topics.values()]
            .filter(({ name }) => name.startsWith(prefix) && name > after && inScope(scope, name))
            .filter((topic) => seen(topic) !== undefined)
            .sort((a, b) => (a.name < b.name ? -1 : 1))
          return { topics: found.slice(0, limit), more: found.length > limit }
        }),
      update: (name, change, expected, note) =>
        Effect.suspend(() => {
          const held = seen(topics.get(name))
          if (held === undefined) return Effect.undefined
          const { version } = held
          if (expected !== undefined && expected !== version)
            return Effect.fail(
              failure("TopicConflict", `${name} is at version ${version} by now`, { details: { version } })
            )
          const wanted = change.partitions ?? held.partitions
          if (wanted < held.partitions)
            return Effect.fail(failure("InvalidInput", `partitions: ${name} has ${held.partitions}, and never less`))
          if (!fits(0, wanted - held.partitions)) return Effect.fail(full(name))
          const at = now()
          const changed: Topic = { ...held, ...change, version: version + 1, updatedAt: Math.max(held.updatedAt, at) }
          const next: Topic = versioned(held, changed)
          topics.set(name, next)
          if (next.log === "postgres" && change.partitions !== undefined) tables.make(next.id, next.partitions, at)
          const { schema, ...changes } = change
          const its = schema === undefined ? {} : { schemaVersion: next.schemaVersion }
          tell(next, "topic.update", note, { changed: changes, ...its })
          return Effect.succeed(next)
        }),
      remove: (name, note) =>
        Effect.sync(() => {
          const held = topics.get(name)
          return held !== undefined && drop(held, note)
        }),
      made: (id, as) =>
        Effect.sync(() => {
          const held = heldById(id)
          if (held === undefined) return undefined
          const made = { ...held, madeAs: as }
          had.set(made, had.get(held) ?? held.schemaVersion)
          topics.set(made.name, made)
          return made
        }),
      unmade: (id, note) =>
        Effect.sync(() => {
          const held = heldById(id)
          return held !== undefined && seen(held) === undefined && drop(held, note)
        }),
      producers: (topic) => Effect.sync(() => producers.get(topic)?.size ?? 0),
      kept: (log) =>
        Effect.sync(() =>
          [...topics.values()]
            .filter((topic) => topic.log === log)
            .map(({ id, retention: { millis } }) => ({ id, millis }))
        ),
      open: (topic, producer) =>
        Effect.suspend(() => {
          if (![...topics.values()].some(({ id }) => id === topic)) return Effect.undefined
          const opened = producers.get(topic) ?? new Map<string, number>()
          producers.set(topic, opened)
          if (!opened.has(producer)) {
            if (opened.size >= PRODUCERS) return Effect.fail(producersFull(false))
            const its = [...opened.keys()].filter((one) => one.startsWith(ownerOf(producer)))
            if (its.length >= PRODUCERS_OF_ONE) return Effect.fail(producersFull(true))
          }
          const epoch = Math.max((opened.get(producer) ?? 0) + 1, Math.floor(now() / 1_000))
          opened.set(producer, epoch)
          const sequences = tables.of([topic]).flatMap(({ id: { partition }, known }) => {
            const held = known.get(producer)
            return held === undefined ? [] : [{ partition, sequence: held.sequence }]
          })
          return Effect.succeed({ epoch, sequences })
        })
    })
  })
)

/** How many schemas a topic had: the next one counts on where it has none now. */
const had = new WeakMap<Topic, number>()

const versioned = (held: Topic, changed: Topic): Topic => {
  const before = had.get(held) ?? held.schemaVersion
  const count = changed.schema === held.schema || changed.schema === null ? before : before + 1
  const made = { ...changed, schemaVersion: changed.schema === null ? 0 : count }
  had.set(made, count)
  return made
}
