/**
 * Remembers topics by name, so that a batch or a read costs no question to the store.
 *
 *   TZ1  What is remembered is as of at most a second ago, by a clock that does not jump; while the store is away, what was known goes on counting.
 *   TZ4  What was asked for before this node changed a topic counts for nothing after that, and no version of this node's replaces a newer one.
 *   TZ3  That a topic is not there is one error at whatever door: `NoSuchTopic`.
 *   TZ2  What is remembered is bounded in entries and in the characters of schemas; a name that is none is looked up once a second at most.
 */
import { Clock, Context, Effect, Layer } from "effect"
import { Weighed } from "../bounds/Weighed.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import type { Topic } from "./Topic.ts"
import { TopicStore } from "./TopicStore.ts"

/** Milliseconds. TZ1 */
const FRESH = 1_000
/** TZ2 */
const ENTRIES = 10_000
const CHARACTERS = 33_554_432
const UNKNOWN = 10_000

export const noSuchTopic = (name: string): HeraldError => failure("NoSuchTopic", `there is no topic ${name}`)

interface Known {
  readonly topic: Topic
  readonly at: number
}

export class KnownTopics extends Context.Service<
  KnownTopics,
  {
    /** Fails `NoSuchTopic`, and as the store for one that was not known before. `name` is one. */
    readonly find: (name: string) => Effect.Effect<Topic, HeraldError>
    /** What this node did to one. Undefined: it is gone. */
    readonly changed: (name: string, topic: Topic | undefined) => void
  }
>()("herald/topics/KnownTopics") {
  static readonly layer = Layer.effect(
    KnownTopics,
    Effect.gen(function* () {
      const store = yield* TopicStore
      const clock = yield* Clock.Clock
      const known = new Weighed<Known>(({ topic }) => 512 + (topic.schema?.length ?? 0))
      const unknown = new Map<string, number>()
      /** Reads that were begun and are shared by all who ask meanwhile. */
      const asked = new Map<
        string,
        Promise<{ readonly at: number; readonly answer: Topic | HeraldError | undefined }>
      >()
      const run = Effect.runPromiseWith(yield* Effect.context<never>())
      const now = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)

      /** `at`: as of when. */
      const remember = (name: string, topic: Topic | undefined, at: number): void => {
        if (topic === undefined) {
          known.delete(name)
          if (unknown.size >= UNKNOWN) unknown.clear()
          unknown.set(name, at)
          return
        }
        unknown.delete(name)
        known.set(name, { topic, at })
        known.trim(CHARACTERS, ENTRIES)
      }

      const changed = (name: string, topic: Topic | undefined): void => {
        const its = known.get(name)?.topic
        if (topic === undefined || its?.id !== topic.id || its.version <= topic.version) remember(name, topic, now()) // TZ4
      }

      const read = (name: string) => {
        let its = asked.get(name)
        if (its === undefined) {
          const at = now()
          const answered = Effect.match(store.get(name), {
            onFailure: (error) => ({ at, answer: error }),
            onSuccess: (topic) => ({ at, answer: topic })
          })
          its = run(answered)
          asked.set(name, its)
          void its.finally(() => asked.delete(name))
        }
        return Effect.promise(() => its)
      }

      const find = Effect.fnUntraced(function* (name: string) {
        const its = known.get(name)
        if (its !== undefined && now() - its.at < FRESH) return its.topic
        const since = unknown.get(name)
        if (since !== undefined && now() - since < FRESH) return yield* noSuchTopic(name)
        const { at, answer } = yield* read(name)
        if (answer !== undefined && "code" in answer) return its === undefined ? yield* answer : its.topic // TZ1
        const newer = known.get(name)
        if (newer !== undefined && newer.at >= at) return newer.topic // TZ4
        if ((unknown.get(name) ?? Number.NEGATIVE_INFINITY) >= at) return yield* noSuchTopic(name)
        remember(name, answer, at)
        return answer ?? (yield* noSuchTopic(name))
      })

      return KnownTopics.of({ find, changed })
    })
  )
}
