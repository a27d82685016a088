/** Asks over HTTP, at an address that was checked: Pinned.ts. */
import { Effect, Layer, Option, Semaphore } from "effect"
import type { Answer } from "../../../src/owners/External.ts"
import { Probe } from "../../../src/owners/Probe.ts"
import { addressOf, ask, kept, type Limits } from "../../Sockets/Pinned.ts"

export interface ProbeOptions extends Pick<Limits, "resolve"> {
  /** `host:port` of those that may be on this machine or in its network, and are asked by http, too. PU1 */
  readonly near: ReadonlyArray<string>
}

/** PU3 */
const AT_ONCE = 256
const FULL: Answer = { kind: "unreachable", why: `${AT_ONCE} gates are being asked by this node already` }

export const layer = ({ near, resolve }: ProbeOptions) => {
  const listed = new Set(near.map((one) => one.toLowerCase()))
  const places = Semaphore.makeUnsafe(AT_ONCE)
  return Layer.succeed(Probe, {
    ask: ({ timeoutMillis, ...question }) => {
      const url = new URL(question.url)
      const address = addressOf(url)
      const allowPrivate = listed.has(address)
      if (url.protocol !== "https:" && !allowPrivate) {
        const why = `${address} is asked by https alone, unless ROLLOUTS_NEAR lists it`
        return Effect.succeed<Answer>({ kind: "forbidden", why })
      }
      return ask(question, { timeout: timeoutMillis, allowPrivate, resolve }, kept).pipe(
        places.withPermitsIfAvailable(1), // PU3
        Effect.map(Option.getOrElse(() => FULL)),
        Effect.map((answer) =>
          answer.kind === "forbidden" ? { ...answer, why: `${answer.why}, and ROLLOUTS_NEAR does not list it` } : answer
        )
      )
    }
  })
}
