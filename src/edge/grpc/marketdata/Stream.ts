/**
 * Serves one call of `StreamMarketData`, from its request to its end.
 *
 *   MG3  A caller that takes nothing is not written to: it is as far as it was, and `overflow` says what becomes of what it misses.
 */
import { Effect, Exit } from "effect"
import { MarketDataStreamService } from "../../../../proto/generated/herald/marketdata/v1/marketdata.ts"
import { CurrentIdentity, type Identity } from "../../../access/Identity.ts"
import type { HeraldError } from "../../../errors/HeraldError.ts"
import { MarketStreams } from "../../../marketdata/MarketStreams.ts"
import { isFailure } from "../Decode.ts"
import { richStatusOf, richStatusOfExit } from "../RichStatus.ts"
import type { CallStatus } from "../ServerCall.ts"
import type { Admitted, AdmittedHandler } from "../Service.ts"
import { traced } from "../Spans.ts"
import { hearOne } from "../Unary.ts"
import { encodeTold, streamRequest, wishOf } from "./Wire.ts"

const method = MarketDataStreamService.streamMarketData.path.slice(1)

export const makeStream = Effect.fnUntraced(function* ({ arrivals }: Admitted) {
  const streams = yield* MarketStreams
  const run = Effect.runForkWith(yield* Effect.context<never>())

  const streamMarketData: AdmittedHandler = (call, identity) => {
    let over = false
    let close: (() => void) | undefined
    const left = (): void => {
      over = true
      close?.()
      close = undefined
    }
    const finish = (status: CallStatus): void => {
      if (over) return
      left()
      call.end(status)
    }
    const fail = (error: HeraldError): void => finish(richStatusOf(error))
    const listener = {
      write: (told: Parameters<typeof encodeTold>[0]) => call.send(encodeTold(told)),
      drained: (then: () => void) => call.whenClear(then), // MG3
      end: fail
    }
    const opened = (exit: Exit.Exit<() => void, HeraldError>) => {
      if (Exit.isFailure(exit)) return finish(richStatusOfExit(exit))
      close = exit.value
      if (over) left()
    }
    const begin = (bytes: Buffer, as: Identity) => {
      if (over) return
      const request = streamRequest(bytes)
      if (isFailure(request)) return fail(request)
      const wish = wishOf(request)
      if (isFailure(wish)) return fail(wish)
      call.begin({})
      const open = Effect.provideService(streams.open(wish, listener), CurrentIdentity, as)
      run(traced(method, call, open, true)).addObserver(opened)
    }
    hearOne(call, (bytes) => arrivals.soon(() => begin(bytes, identity)), left) // G11
  }
  return streamMarketData
})
