/**
 * Makes and checks seals: HMAC-SHA-256 with keys that all nodes read from one place. The newest key seals; the seal of any is believed.
 *
 *   SK1  Keys are read again every minute, and when a seal names one that is not known, at most once a second.
 *   SK2  Where an answer is due, they are read for it, at most twenty times a second: foreign seals that are asked for together hold up
 *        what comes behind them for 50 ms, however many keys they name, and a key that was just made is never taken for a foreign one.
 */
import { createHmac, timingSafeEqual } from "node:crypto"
import { Clock, Duration, Effect, Queue, Semaphore } from "effect"
import type { HeraldError } from "../../../src/errors/HeraldError.ts"
import { type Purpose, Seal } from "../../../src/seals/Seal.ts"
import { afterEvery } from "../../../src/telemetry/Every.ts"
import { waitFor } from "../../../src/telemetry/WaitFor.ts"

export interface SealKey {
  readonly id: string
  readonly key: Uint8Array
}

const EVERY = "1 minute"
/** Nanoseconds between two readings of keys that were asked for: where a hint is enough, and where an answer is due. */
const AT_MOST = 1_000_000_000n
const DUE = 50_000_000n
const SEAL = /^(\d{1,19})\.([A-Za-z0-9_-]{43})$/

/** The seal by this key, as `makeSeal` makes it. */
export const sealBy = ({ id, key }: SealKey, purpose: Purpose, text: string): string =>
  `${id}.${macOf(key, purpose, text).toString("base64url")}`

const macOf = (key: Uint8Array, purpose: Purpose, text: string) =>
  createHmac("sha256", key).update(`${purpose}\n`).update(text, "utf8").digest() // SE1

/** `read` gives the keys, the newest last, and makes one when there is none. Waits for its first answer. */
export const makeSeal = Effect.fnUntraced(function* (read: Effect.Effect<ReadonlyArray<SealKey>, HeraldError>) {
  const clock = yield* Clock.Clock
  const wake = yield* Queue.sliding<void>(1)
  const reading = Semaphore.makeUnsafe(1)
  const now = () => clock.monotonicTimeNanosUnsafe()
  let keys = new Map<string, Uint8Array>()
  let newest: SealKey | undefined
  let triedAt = now() - AT_MOST
  /** Readings that were begun, and the one that brought what is known. */
  let [begun, known] = [0, 0]

  const reread = Effect.suspend(() => {
    triedAt = now()
    const mine = ++begun
    return Effect.map(read, (found) => {
      keys = new Map(found.map(({ id, key }) => [id, key]))
      newest = found.at(-1)
      known = mine
    })
  })

  yield* waitFor("waiting for the keys of seals", reread)
  const pause = Effect.timeoutOption(Queue.take(wake), EVERY)
  yield* Effect.forkScoped(afterEvery("the keys of seals were not read again", pause, reading.withPermits(1)(reread))) // SK1

  const seal = (purpose: Purpose, text: string): string => (newest === undefined ? "" : sealBy(newest, purpose, text))

  /** Whether the seal is right; undefined when its key is not known. */
  const check = (purpose: Purpose, text: string, seal: string): boolean | undefined => {
    const [, id, mac] = SEAL.exec(seal) ?? []
    if (id === undefined || mac === undefined) return false
    const key = keys.get(id)
    if (key === undefined) return undefined
    const said = Buffer.from(mac, "base64url")
    return said.length === 32 && timingSafeEqual(macOf(key, purpose, text), said)
  }

  /** Returns when a reading that began after `since` has ended. */
  const catchUp = (since: number) =>
    reading.withPermits(1)(
      Effect.suspend(() => {
        if (known > since) return Effect.void
        const wait = triedAt + DUE - now() // SK2
        return Effect.andThen(Effect.sleep(Duration.nanos(wait > 0n ? wait : 0n)), reread)
      })
    )

  return Seal.of({
    seal,
    genuine: (purpose, text, seal) => {
      const found = check(purpose, text, seal)
      if (found === undefined && now() - triedAt >= AT_MOST) Queue.offerUnsafe(wake, undefined)
      return found ?? false
    },
    verify: Effect.fnUntraced(function* (purpose, text, seal) {
      const found = check(purpose, text, seal)
      if (found !== undefined) return found
      yield* catchUp(begun)
      return check(purpose, text, seal) ?? false
    })
  })
})
