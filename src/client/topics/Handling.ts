/**
 * Calls a function for each event of a subscription, and answers for it.
 *
 *   QD1  What the function did is what is answered: it returned, the event is done; it threw, the event failed. It may answer by itself before that.
 *   QD2  At most `concurrency` calls run at once, of a key at most one. One that does not end keeps its place.
 *   QD3  A function that throws ends nothing: the next event is next.
 *   QD4  Unless it is the function that can't go on, whatever the event (`Stop`): what is in hand is handed back, which counts as no attempt, nothing
 *        more is begun, and `done` rejects with what it threw.
 */
import { messageOf, TopicError } from "../ClientError.ts"
import { errors } from "../Errors.ts"
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

/** To be thrown by a handler: it can't go on, and no event has failed by that. QD4 */
export class Stop extends Error {
  override readonly name = "Stop"
}

const isStop = (error: unknown): boolean =>
  error instanceof Stop || (error instanceof TopicError && error.code === errors.NotesUnclear.code)

/** A subscription that is being handled. */
export interface Handling extends AsyncDisposable {
  /** Resolves when it was closed; rejects with `TopicError` when the server ended it for good, and with what a handler threw that can't go on. QD4 */
  readonly done: Promise<void>
  /** Begins no more, and waits for what runs, at most so long (milliseconds, 10,000). */
  readonly close: (millis?: number) => Promise<void>
}

/** Answers for one event by what `work` does. Rejects with what stops it. QD1 QD4 */
export const handled = async (event: Consumed, work: () => unknown): Promise<void> => {
  try {
    await work()
    event.accept()
  } catch (error) {
    if (isStop(error)) {
      event.release()
      throw error
    }
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
  void handling.done
    .catch((error) => {
      if (isStop(error)) home.logger(`the handler of ${subscription} of ${topic} stopped: ${messageOf(error)}`)
    })
    .finally(() => home.closed(handling))
  return handling
}

/** `run` rejects with what stops all. QD2 QD4 */
export const handlingOf = (
  consumer: Consumer,
  run: (event: Consumed) => Promise<void>,
  concurrency: number
): Handling => {
  let running = 0
  let freed = () => {}
  let stopped: { readonly by: unknown } | undefined
  const loop = async () => {
    for (;;) {
      if (running >= concurrency) {
        await new Promise<void>((resolve) => {
          freed = resolve
        })
        continue
      }
      const { done, value } = await consumer.next()
      if (done === true || value === undefined) {
        if (stopped === undefined) return
        await consumer.close()
        throw stopped.by
      }
      running++
      void run(value)
        .catch((by) => {
          stopped ??= { by }
          void consumer.close()
        })
        .finally(() => {
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
