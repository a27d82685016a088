/**
 * Remembers topics by name, so that a batch or a read costs no question to the store.
 *
 *   TZ1  What is remembered is as of at most a second ago, by a clock that does not jump; while the store is away, what was known goes on counting.
 *   TZ4  What was asked for before this node changed a topic counts for nothing after that, and no version of this node's replaces a newer one.
 *   TZ5  A defect of the store is that of those who asked: it ends nothing else, and who asks next asks again.
 *   TZ6  What this node has reason to doubt is looked up by whoever asks next, and hidden from nobody: no look that was under way then counts.
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

/** A question to the store that all share who ask meanwhile. */
interface Look {
  /** When it was begun. */
  readonly at: number
  readonly answer: Promise<Topic | HeraldError | undefined>
  /** Since it was begun. TZ6 */
  isDoubted: boolean
}

export class KnownTopics extends Context.Service<
  KnownTopics,
  {
    /** Fails `NoSuchTopic`, and as the store for one that was not known before. `name` is one. */
    readonly find: (name: string) => Effect.Effect<Topic, HeraldError>
    /** What this node did to one. Undefined: it is gone. */
    readonly changed: (name: string, topic: Topic | undefined) => void
    /** What is known of one may not be so any more. TZ6 */
    readonly doubted: (name: string) => void
  }
>()("herald/topics/KnownTopics") {
  static readonly layer = Layer.effect(
    KnownTopics,
    Effect.gen(function* () {
      const store = yield* TopicStore
      const clock = yield* Clock.Clock
      const known = new Weighed<Known>(({ topic }) => 512 + (topic.schema?.length ?? 0))
      const unknown = new Map<string, number>()
      const asked = new Map<string, Look>()
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

      const doubted = (name: string): void => {
        const its = known.get(name)
        if (its !== undefined) known.set(name, { ...its, at: Number.NEGATIVE_INFINITY }) // goes on counting if the store is away: TZ1
        unknown.delete(name)
        const look = asked.get(name)
        if (look === undefined) return
        look.isDoubted = true
        asked.delete(name)
      }

      /** Undefined: of a topic that is not there. */
      const knownSince = (name: string, at: number): Known | undefined | "unknown" => {
        const newer = known.get(name)
        if (newer !== undefined && newer.at >= at) return newer
        return (unknown.get(name) ?? Number.NEGATIVE_INFINITY) >= at ? "unknown" : undefined
      }

      const look = (name: string): Look => {
        const held = asked.get(name)
        if (held !== undefined) return held
        const at = now()
        const begun = { at, isDoubted: false }
        const noted = (topic: Topic | undefined) => {
          if (!begun.isDoubted && knownSince(name, at) === undefined) remember(name, topic, at) // TZ4
          return topic
        }
        const found = Effect.suspend(() => store.get(name))
        const answer = run(Effect.match(found, { onFailure: (error) => error, onSuccess: noted }))
        const its: Look = Object.assign(begun, { answer })
        asked.set(name, its)
        const over = () => {
          if (asked.get(name) === its) asked.delete(name)
        }
        its.answer.then(over, over) // TZ5
        return its
      }

      const find: (name: string) => Effect.Effect<Topic, HeraldError> = Effect.fnUntraced(function* (name) {
        const its = known.get(name)
        if (its !== undefined && now() - its.at < FRESH) return its.topic
        const since = unknown.get(name)
        if (since !== undefined && now() - since < FRESH) return yield* noSuchTopic(name)
        const asking = look(name)
        const answer = yield* Effect.promise(() => asking.answer)
        if (asking.isDoubted) return yield* find(name) // TZ6
        if (answer !== undefined && "code" in answer) return its === undefined ? yield* answer : its.topic // TZ1
        const newer = knownSince(name, asking.at) // TZ4
        if (newer === "unknown") return yield* noSuchTopic(name)
        return newer?.topic ?? answer ?? (yield* noSuchTopic(name))
      })

      return KnownTopics.of({ find, changed, doubted })
    })
  )
}
