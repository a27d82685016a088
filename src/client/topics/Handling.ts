/**
 * Calls a function for each event of a subscription, and answers for it.
 *
 *   QD1  What the function did is what is answered: it returned, the event is done; it threw, the event failed. It may answer by itself before that.
 *   QD2  At most `concurrency` calls run at once, of a key at most one. One that does not end keeps its place.
 *   QD3  A function that throws ends nothing: the next event is next.
 */
import { messageOf } from "../ClientError.ts"
import { checkedHandle } from "./CheckedTopics.ts"
import type { Consumed, ConsumeOptions } from "./Consumed.ts"
import { Consumer } from "./Consumer.ts"
import type { TopicHome } from "./Home.ts"

export interface HandleOptions extends ConsumeOptions {
  /** Calls at once. 1: all events one after the other, in the order in which they came. */
  readonly concurrency?: number | undefined
}

/** `consumer`: of what it is an event. */
export type Handler = (
  event: Consumed,
  consumer: Pick<Consumer, "topic" | "subscription" | "subscriptionId" | "floor">
) => unknown

/** To be thrown by a handler: the event will never work, and goes to the dead letters. */
export class Reject extends Error {
  override readonly name = "Reject"
}

/** A subscription that is being handled. */
export interface Handling extends AsyncDisposable {
  /** Resolves when it was closed; rejects with `TopicError` when the server ended it for good. */
  readonly done: Promise<void>
  /** Begins no more, and waits for what runs, at most so long (milliseconds, 10,000). */
  readonly close: (millis?: number) => Promise<void>
}

/** Answers for one event by what `work` does. QD1 */
export const handled = async (event: Consumed, work: () => unknown): Promise<void> => {
  try {
    await work()
    event.accept()
  } catch (error) {
    if (error instanceof Reject) event.reject(error.message)
    else event.fail({ reason: messageOf(error) })
  }
}

/** Throws `OptionError`. */
export const handle = (
  home: TopicHome,
  topic: string,
  subscription: string,
  handler: Handler,
  given: HandleOptions
): Handling => {
  const { concurrency, options } = checkedHandle(given)
  const consumer = new Consumer(home, topic, subscription, options)
  const handling = handlingOf(consumer, (event) => handled(event, () => handler(event, consumer)), concurrency)
  void handling.done.catch(() => {}).finally(() => home.closed(handling))
  return handling
}

/** `run` never rejects. QD2 */
export const handlingOf = (
  consumer: Consumer,
  run: (event: Consumed) => Promise<void>,
  concurrency: number
): Handling => {
  let running = 0
  let freed = () => {}
  const loop = async () => {
    for (;;) {
      if (running >= concurrency) {
        await new Promise<void>((resolve) => {
          freed = resolve
        })
        continue
      }
      const { done, value } = await consumer.next()
      if (done === true || value === undefined) return
      running++
      void run(value).finally(() => {
        running--
        freed()
      })
    }
  }
  const done = loop()
  done.catch(() => {}) // who asks for `done` hears of it
  const close = async (millis?: number) => consumer.close(millis)
  return { done, close, [Symbol.asyncDispose]: () => close() }
}
