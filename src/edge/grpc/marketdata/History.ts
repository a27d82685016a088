/**
 * Serves one call of `StreamHistoricalData`: page by page, each when the one before has gone.
 *
 *   MG4  A caller that takes nothing has one page waiting, and nothing is read for it meanwhile.
 */
import { Effect, Exit } from "effect"
import {
  MarketDataStreamService,
  type StreamHistoricalDataRequest,
  StreamHistoricalDataResponse
} from "../../../../proto/generated/herald/marketdata/v1/marketdata.ts"
import { Access } from "../../../access/Access.ts"
import { CurrentIdentity, type Identity } from "../../../access/Identity.ts"
import { keyRevoked } from "../../../access/Watching.ts"
import { failure, HeraldError } from "../../../errors/HeraldError.ts"
import { INTERVALS } from "../../../marketdata/Calendar.ts"
import { type AskedBars, MarketData, PAGE } from "../../../marketdata/MarketData.ts"
import { SESSION_CHOICES } from "../../../marketdata/Series.ts"
import { excerpt } from "../../../text/Excerpt.ts"
import { isFailure } from "../Decode.ts"
import { richStatusOfExit } from "../RichStatus.ts"
import type { ServerCall } from "../ServerCall.ts"
import type { AdmittedHandler } from "../Service.ts"
import { traced } from "../Spans.ts"
import { OK } from "../Status.ts"
import { hearOne } from "../Unary.ts"
import { barOf, historyRequest } from "./Wire.ts"

const method = MarketDataStreamService.streamHistoricalData.path.slice(1)
/** Requests that a page counts as, as over HTTP. */
const COST = 10

const invalid = (message: string) => failure("InvalidInput", message)

const oneOf = <A extends string>(what: string, text: string, all: ReadonlyArray<A>, usual: A): A | HeraldError =>
  text === ""
    ? usual
    : (all.find((one) => one === text) ?? invalid(`${what}: ${excerpt(text)} is none of ${all.join(", ")}`))

/** MG1 */
const askedOf = (request: StreamHistoricalDataRequest): AskedBars | HeraldError => {
  const { symbol, exchange, startMs, endMs } = request
  const interval = oneOf("interval", request.interval, INTERVALS, "1m")
  if (interval instanceof HeraldError) return interval
  const session = oneOf("session", request.session, SESSION_CHOICES, "all")
  if (session instanceof HeraldError) return session
  const fill = oneOf("fill", request.fill, ["none", "previous"], "none")
  if (fill instanceof HeraldError) return fill
  const [from, until] = [Number(startMs), Number(endMs)]
  for (const time of [from, until])
    if (time < 0 || time > 8_640_000_000_000_000)
      return invalid("start_ms and end_ms are times since 1970, in milliseconds")
  const topic = request.topic === "" ? undefined : request.topic
  const where = { symbol, topic, exchange: exchange === "" ? undefined : exchange, session, interval, fill }
  return { ...where, from, until: until === 0 ? undefined : until, limit: PAGE }
}

/** MG4 */
const sent = (call: ServerCall, bytes: Buffer): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (call.send(bytes)) resume(Effect.void)
    else call.whenClear(() => resume(Effect.void))
  })

export const makeHistory = Effect.gen(function* () {
  const access = yield* Access
  const marketData = yield* MarketData
  const run = Effect.runForkWith(yield* Effect.context<never>())

  /** A3 */
  const stillGood = Effect.fnUntraced(function* (identity: Identity) {
    if (!(yield* access.stillValid(identity))) return yield* keyRevoked(identity)
  })

  const pages = Effect.fnUntraced(function* (call: ServerCall, bytes: Buffer, identity: Identity) {
    const request = historyRequest(bytes)
    if (isFailure(request)) return yield* request
    const asked = askedOf(request)
    if (asked instanceof HeraldError) return yield* asked
    call.begin({})
    for (let from = asked.from; ; ) {
      yield* access.spend(identity, COST)
      const { candles, next, topics, leftOut } = yield* marketData.history({ ...asked, from })
      yield* stillGood(identity)
      if (candles.length > 0 || next === undefined) {
        const message = { bars: candles.map(barOf), topics: [...topics], leftOut: [...leftOut] }
        yield* sent(call, Buffer.from(StreamHistoricalDataResponse.encode(message).finish()))
      }
      if (next === undefined) return
      from = next
    }
  })

  const streamHistoricalData: AdmittedHandler = (call, identity) => {
    let leave = () => {}
    hearOne(
      call,
      (bytes) => {
        const work = Effect.provideService(pages(call, bytes, identity), CurrentIdentity, identity)
        const working = run(traced(method, call, work))
        leave = () => working.interruptUnsafe()
        working.addObserver((exit) => call.end(Exit.isFailure(exit) ? richStatusOfExit(exit) : OK))
      },
      () => leave()
    )
  }
  return streamHistoricalData
})
