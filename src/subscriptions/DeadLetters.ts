/**
 * The use cases on what came to nothing. Each checks `CurrentIdentity` for the topic.
 *
 *   OB6  Who replays a dead letter publishes it as it was, with its key and headers, to the topic that it is of; it is removed once it is durable
 *        there, and stays when it isn't. So it is never lost, and may be there twice when a node falls between the two.
 *   OB7  Those of one key are replayed in the order in which they came.
 */
import { Context, Effect, Layer, Result } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { messageOf } from "../topics/Message.ts"
import { type Published, Publishing } from "../topics/Publishing.ts"
import { TopicStore } from "../topics/TopicStore.ts"
import { permitted } from "../topics/Topics.ts"
import type { DeadLetter } from "./DeadLetter.ts"
import { findSubscription } from "./Found.ts"
import { SubscriptionStore } from "./SubscriptionStore.ts"
import type { Named } from "./Subscriptions.ts"

/** Of one request. */
export const MOST_LETTERS = 1_000
/** Bytes of events of a page, and of what is replayed together. */
const PAGE_BYTES = 2_097_152
const TOGETHER = 100

/** Which: by id, or the oldest `MOST_LETTERS`. */
export type Which = { readonly ids: ReadonlyArray<number> } | { readonly all: true }

export interface Replayed {
  readonly replayed: ReadonlyArray<number>
  readonly failed: ReadonlyArray<{ readonly id: number; readonly error: HeraldError }>
  /** There are others behind them. */
  readonly more: boolean
}

export interface LetterPage {
  readonly letters: ReadonlyArray<DeadLetter>
  /** Give it as `after`; undefined: that was all. */
  readonly next: number | undefined
}

export class DeadLetters extends Context.Service<
  DeadLetters,
  {
    /** In the order in which they came; a page may have fewer than `limit`. Fails `NoSuchTopic`, `NoSuchSubscription`, and as the stores, as do all. */
    readonly list: (
      named: Named,
      options: { readonly limit: number; readonly after: number }
    ) => Effect.Effect<LetterPage, HeraldError>
    /** Fails besides `NoSuchDeadLetter`. */
    readonly get: (named: Named, id: number) => Effect.Effect<DeadLetter, HeraldError>
    /** Fails besides `InvalidInput`, `Forbidden`, and where none could be replayed as `Publishing.publish`. OB6, OB7 */
    readonly replay: (named: Named, which: Which) => Effect.Effect<Replayed, HeraldError>
    /** Returns how many went. Fails besides `InvalidInput`. */
    readonly drop: (
      named: Named,
      which: Which
    ) => Effect.Effect<{ readonly dropped: number; readonly more: boolean }, HeraldError>
  }
>()("herald/subscriptions/DeadLetters") {
  static readonly layer = Layer.effect(
    DeadLetters,
    Effect.suspend(() => make)
  )
}

const isId = (id: number): boolean => Number.isSafeInteger(id) && id > 0

const wrongWhich = (which: Which): HeraldError | undefined =>
  "all" in which || (which.ids.length > 0 && which.ids.length <= MOST_LETTERS && which.ids.every(isId))
    ? undefined
    : failure("InvalidInput", `ids: 1 to ${MOST_LETTERS} ids of dead letters`)

/** Whether it is said of one event, by its place. */
const isOfOne = ({ details }: HeraldError): boolean => details?.["index"] !== undefined

/** Those of the batch that are in the topic now, and why the others aren't. */
const outcomeOf = (letters: ReadonlyArray<DeadLetter>, { failed }: Published) => {
  const errors = new Map(failed.flatMap(({ indexes, error }) => indexes.map((at) => [at, error] as const)))
  return letters.map((letter, at) => ({ letter, error: errors.get(at) }))
}

const make = Effect.gen(function* () {
  const store = yield* SubscriptionStore
  const publishing = yield* Publishing
  const found = findSubscription(store, yield* TopicStore)

  const list = Effect.fn("DeadLetters.list")(function* (
    named: Named,
    { limit, after }: { readonly limit: number; readonly after: number }
  ) {
    yield* permitted("topics.read", named.topicName)
    const { subscription } = yield* found(named)
    const most = Math.min(limit, MOST_LETTERS)
    const letters = yield* store.deadLetters(subscription.id, { limit: most, after, maxBytes: PAGE_BYTES })
    return { letters, next: letters.at(-1)?.id }
  })

  const get = Effect.fn("DeadLetters.get")(function* (named: Named, id: number) {
    yield* permitted("topics.read", named.topicName)
    const { subscription } = yield* found(named)
    const none = failure("NoSuchDeadLetter", `${named.subscriptionName} has no dead letter ${id}`)
    if (!isId(id)) return yield* none
    const [letter] = yield* store.deadLetters(subscription.id, { limit: 1, after: id - 1, maxBytes: PAGE_BYTES })
    return letter?.id === id ? letter : yield* none
  })

  /** One page of those that are meant, behind `after`. */
  const pageOf = Effect.fnUntraced(function* (id: string, which: Which, after: number) {
    if ("all" in which) return yield* store.deadLetters(id, { limit: TOGETHER, after, maxBytes: PAGE_BYTES })
    const wanted = which.ids.filter((one) => one > after)
    if (wanted.length === 0) return []
    const from = Math.min(...wanted)
    const page = yield* store.deadLetters(id, { limit: TOGETHER, after: from - 1, maxBytes: PAGE_BYTES })
    return page
  })

  /** Published together; where one of them is refused, one by one. */
  const put = Effect.fnUntraced(function* (topic: string, letters: ReadonlyArray<DeadLetter>) {
    const publish = (some: ReadonlyArray<DeadLetter>) =>
      Effect.result(publishing.publish({ topic, events: some.map(({ event }) => messageOf(event)), again: true }))
    const together = yield* publish(letters)
    if (Result.isSuccess(together)) return outcomeOf(letters, together.success)
    if (!isOfOne(together.failure) || letters.length === 1)
      return letters.map((letter) => ({ letter, error: together.failure }))
    const each: Array<{ readonly letter: DeadLetter; readonly error: HeraldError | undefined }> = []
    for (const letter of letters) {
      const alone = yield* publish([letter])
      each.push(Result.isSuccess(alone) ? outcomeOf([letter], alone.success)[0]! : { letter, error: alone.failure })
    }
    return each
  })

  const replay = Effect.fn("DeadLetters.replay")(function* (named: Named, which: Which) {
    const { name, keyId } = yield* permitted("topics.consume", named.topicName)
    yield* permitted("topics.publish", named.topicName)
    const wrong = wrongWhich(which)
    if (wrong !== undefined) return yield* wrong
    const { subscription } = yield* found(named)
    const wanted = "all" in which ? undefined : new Set(which.ids)
    const replayed: Array<number> = []
    const failed: Array<{ readonly id: number; readonly error: HeraldError }> = []
    let after = 0
    let looked = 0
    let more = false
    while (true) {
      if (looked >= MOST_LETTERS) {
        more = wanted === undefined
        break
      }
      const page = yield* pageOf(subscription.id, which, after)
      if (page.length === 0) break
      after = page.at(-1)!.id
      const letters = wanted === undefined ? page : page.filter(({ id }) => wanted.has(id))
      looked += wanted === undefined ? page.length : 0
      if (letters.length === 0) continue
      const outcomes = yield* put(named.topicName, letters)
      const went = outcomes.flatMap(({ letter, error }) => (error === undefined ? [letter.id] : []))
      if (went.length > 0) yield* store.bury(subscription.id, went, "replay", { by: name, keyId, message: "" }) // OB6
      replayed.push(...went)
      for (const { letter, error } of outcomes) if (error !== undefined) failed.push({ id: letter.id, error })
      const refused = outcomes.find(({ error }) => error !== undefined && !isOfOne(error))?.error
      if (refused === undefined) continue
      if (replayed.length === 0) return yield* refused
      break
    }
    for (const id of wanted ?? [])
      if (!replayed.includes(id) && !failed.some((one) => one.id === id))
        failed.push({ id, error: failure("NoSuchDeadLetter", `${named.subscriptionName} has no dead letter ${id}`) })
    return { replayed, failed, more }
  })

  const drop = Effect.fn("DeadLetters.drop")(function* (named: Named, which: Which) {
    const { name, keyId } = yield* permitted("topics.consume", named.topicName)
    const wrong = wrongWhich(which)
    if (wrong !== undefined) return yield* wrong
    const { subscription } = yield* found(named)
    const dropped = yield* store.bury(subscription.id, "all" in which ? MOST_LETTERS : which.ids, "drop", {
      by: name,
      keyId,
      message: ""
    })
    return { dropped, more: "all" in which && dropped === MOST_LETTERS }
  })

  return DeadLetters.of({ list, get, replay, drop })
})
