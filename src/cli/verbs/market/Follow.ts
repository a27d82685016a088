/**
 * Market data as it comes, over however many streams of `StreamMarketData`, tick by tick.
 *
 *   YQ1  Each tick is shown once and in the order of its partition; what is lost, gone or left out is said beside them.
 *   YQ2  What waits to be shown is bounded in bytes: beyond that the stream is not read, and the server does what `overflow` says.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type {
  MarketDataBatch,
  Position,
  StreamMarketDataRequest,
  StreamMarketDataResponse
} from "../../../../proto/generated/herald/marketdata/v1/marketdata.ts"
import type { Call, CallEvents, Ended } from "../../../client/Transport.ts"
import { isFinal, Lasting } from "../../../client/topics/Lasting.ts"
import { parseAddress } from "../../../net/Address.ts"
import { printable } from "../../../text/Printable.ts"
import { type CliFailure, usage } from "../../CliFailure.ts"
import { disconnectedText, GRPC_SETTING, refusedBy, wrongAddress } from "../../Refused.ts"
import { Shell } from "../../Shell.ts"
import type { Target } from "../../Target.ts"
import { gapText } from "../topics/Gaps.ts"
import { type Came, cameOf } from "./Told.ts"

/** Bytes, about. YQ2 */
const WAITING = 1_048_576
const ENTRY = 128
/** Milliseconds. */
const RECONNECTING = { baseMillis: 250, capMillis: 5_000, stableMillis: 10_000 }

type Heard = NonNullable<StreamMarketDataResponse["what"]>

export interface MarketCalls {
  readonly open: (
    request: StreamMarketDataRequest,
    events: CallEvents<StreamMarketDataResponse>
  ) => Call<StreamMarketDataRequest>
  readonly close: () => void
}

/** gRPC is loaded only by those who follow. */
export const OpenMarket = Context.Reference<(target: Target) => Promise<MarketCalls>>("herald/cli/OpenMarket", {
  defaultValue: () => async (target) => {
    const [{ GrpcCalls }, { MarketDataStreamService: market }] = await Promise.all([
      import("../../../client/GrpcCalls.ts"),
      import("../../../../proto/generated/herald/marketdata/v1/marketdata.ts")
    ])
    const calls = new GrpcCalls({ address: target.grpc, token: target.token, tls: target.tls })
    return {
      open: (request, events) => calls.stream(target.grpc, market.streamMarketData, [request], events),
      close: () => calls.close()
    }
  }
})

export interface Watching {
  readonly request: StreamMarketDataRequest
  /** Ticks. */
  readonly limit: number
  /** Ends with what there is. */
  readonly once: boolean
}

type Told =
  | { readonly ticks: ReadonlyArray<Came> }
  | { readonly say: string }
  | { readonly failure: CliFailure }
  | "live"

const placeOf = ({ topic, partition }: Pick<Position, "topic" | "partition">): string => `${topic} ${partition}`
const sizeOf = (what: Heard): number => ENTRY * (what.$case === "batch" ? what.value.data.length + 1 : 1)

/** Where one is of each partition, and what of what comes is new. YQ1 */
class Places {
  readonly #at = new Map<string, Position>()
  readonly #first: StreamMarketDataRequest

  constructor(first: StreamMarketDataRequest) {
    this.#first = first
  }

  request(): StreamMarketDataRequest {
    const positions = [...this.#at.values()]
    return positions.length === 0
      ? this.#first
      : { ...this.#first, start: { $case: "positions", value: { positions } } }
  }

  begun(position: Position): string | undefined {
    const had = this.#at.get(placeOf(position))
    this.#at.set(placeOf(position), position)
    if (had === undefined) return undefined
    if (had.epoch !== position.epoch) return gapText(position, had.offset, position.offset, "epoch")
    if (position.offset > had.offset) return gapText(position, had.offset, position.offset, "retention")
    this.#at.set(placeOf(position), had)
    return undefined
  }

  gap({ topic, partition, epoch, from, to, why }: Extract<Heard, { $case: "gap" }>["value"]): string | undefined {
    this.#at.set(placeOf({ topic, partition }), { topic, partition, epoch, offset: to })
    return why === "empty" ? undefined : gapText({ topic, partition }, from, to, why)
  }

  batch(batch: MarketDataBatch): ReadonlyArray<Came> {
    const { topic, partition, epoch, nextOffset, data } = batch
    const had = this.#at.get(placeOf(batch))
    this.#at.set(placeOf(batch), { topic, partition, epoch, offset: nextOffset })
    return data
      .filter(({ offset }) => had === undefined || had.epoch !== epoch || offset >= had.offset)
      .map((one) => cameOf(batch, one))
  }
}

const toldOf = (places: Places, what: Heard): ReadonlyArray<Told> => {
  const said = (texts: ReadonlyArray<string | undefined>) =>
    texts.flatMap((text) => (text === undefined ? [] : [{ say: text }]))
  switch (what.$case) {
    case "started":
      return said(what.value.positions.map((position) => places.begun(position)))
    case "gap":
      return said([places.gap(what.value)])
    case "live":
      return ["live"]
    // Unheard.ts says it, with what may be meant.
    case "unheard":
      return []
    case "batch": {
      const { leftOut, topic } = what.value
      const ticks = places.batch(what.value)
      const left = leftOut > 0n ? [`${leftOut} of ${topic} were left out: newer ones of their symbols follow`] : []
      return [...said(left), ...(ticks.length === 0 ? [] : [{ ticks }])]
    }
  }
}

/** Until its limit, or with `once` until everything that there is was shown. */
export const followMarket = Effect.fn("Market.follow")(function* (
  target: Target,
  { request, limit, once }: Watching,
  show: (came: Came) => Effect.Effect<void>
) {
  const shell = yield* Shell
  const address = parseAddress(target.grpc)
  if ("wrong" in address) return yield* usage(`${target.grpc} ${address.wrong}`, `Give ${GRPC_SETTING} as host:port.`)
  const load = yield* OpenMarket
  const calls = yield* Effect.acquireRelease(
    Effect.promise(() => load(target)),
    ({ close }) => Effect.sync(close)
  )
  const { systemClock } = yield* Effect.promise(() => import("../../../client/Platform.ts"))
  const places = new Places(request)
  const waiting: Array<Heard | Ended> = []
  let [bytes, held, connected, down] = [0, false, false, false]
  let woken = () => {}
  const stream = new Lasting<StreamMarketDataRequest, StreamMarketDataResponse>(
    (_, events) => calls.open(places.request(), events),
    systemClock,
    RECONNECTING,
    {
      writable: () => {},
      final: (ended) => isFinal(ended) || (!connected && wrongAddress(target, ended.message) !== undefined),
      message: ({ what }) => {
        if (what === undefined) return
        connected = true
        waiting.push(what)
        bytes += sizeOf(what)
        if (!held && bytes > WAITING) stream.call?.hold((held = true)) // YQ2
        woken()
      },
      ended: (ended, final) => {
        // What waits of a stream that is over comes again. YQ1
        if (!final) waiting.length = 0
        ;[bytes, held] = [0, false]
        waiting.push(ended)
        woken()
      }
    }
  )
  yield* Effect.acquireRelease(
    Effect.sync(() => stream.begin()),
    () => Effect.promise(() => stream.close(true))
  )
  const next = Effect.callback<Heard | Ended>((resume) => {
    const take = () => {
      const one = waiting.shift()
      if (one === undefined) return
      woken = () => {}
      resume(Effect.succeed(one))
    }
    woken = take
    take()
  })
  let left = limit
  while (left > 0) {
    const heard = yield* next
    if (!("$case" in heard)) {
      if (isFinal(heard)) return yield* refusedBy(target, heard)
      const wrong = connected ? undefined : wrongAddress(target, heard.message)
      if (wrong !== undefined) return yield* wrong
      if (!down) yield* shell.progress(`disconnected: ${printable(disconnectedText(heard))}\nwaiting for it …`)
      down = true
      continue
    }
    bytes = Math.max(0, bytes - sizeOf(heard))
    if (held && bytes <= WAITING / 2) stream.call?.hold((held = false))
    if (down) yield* shell.progress("connected again")
    down = false
    for (const told of toldOf(places, heard)) {
      if (told === "live") {
        if (once) return
      } else if ("say" in told) yield* shell.progress(printable(told.say))
      else if ("ticks" in told)
        for (const came of told.ticks.slice(0, left)) {
          yield* show(came)
          left--
        }
    }
  }
}, Effect.scoped)
