/** A transport that a test speaks through, and a client on it. */
import {
  type Ack,
  AckOutcome,
  ConfigUpdate,
  type ReportHealthRequest,
  type SubscribeRequest
} from "../../proto/generated/herald/distribution/v1/distribution.ts"
import {
  type ConnectOptions,
  type Ended,
  HeraldClient,
  type StreamEvents,
  type Transport
} from "../../src/client/HeraldClient.ts"
import { FakeClock } from "./FakeClock.ts"
import { synced } from "./Said.ts"
import { turn } from "./turn.ts"

export interface FakeStream {
  readonly hello: SubscribeRequest
  readonly sent: Array<SubscribeRequest>
  readonly events: StreamEvents
  open: boolean
  /** The client reads nothing more. */
  held: boolean
}

export class FakeTransport implements Transport {
  readonly streams: Array<FakeStream> = []
  readonly reports: Array<ReportHealthRequest> = []
  /** Streams say that they have no room for more. */
  full = false
  /** Answers each new stream at once. */
  greet: ((stream: FakeStream) => void) | undefined

  get last(): FakeStream {
    return this.streams.at(-1)!
  }

  get acks(): ReadonlyArray<Ack> {
    return this.streams.flatMap(({ sent }) => sent.flatMap(({ acks }) => acks))
  }

  /** What was answered, by key and revision. */
  get outcomes() {
    return this.acks.map(({ key, revision, outcome, reason }) => ({
      key,
      revision,
      applied: outcome === AckOutcome.ACK_OUTCOME_APPLIED,
      ...(reason === "" ? {} : { reason })
    }))
  }

  open = (hello: SubscribeRequest, events: StreamEvents) => {
    const stream: FakeStream = { hello, sent: [], events, open: true, held: false }
    this.streams.push(stream)
    queueMicrotask(() => this.greet?.(stream))
    return {
      send: (request: SubscribeRequest) => {
        stream.sent.push(request)
        return !this.full
      },
      hold: (held: boolean) => {
        stream.held = held
      },
      drop: () => {
        stream.open = false
      },
      finish: async () => {
        stream.open = false
      }
    }
  }
  reportHealth = async (request: ReportHealthRequest) => {
    this.reports.push(request)
    return true
  }
  close = () => {}

  say(update: Partial<ConfigUpdate>): void {
    this.last.events.message(ConfigUpdate.fromPartial(update))
  }

  end(ended: Partial<Ended> = {}): void {
    this.last.events.ended({
      status: 14,
      message: "gone",
      code: undefined,
      hopeless: false,
      reconnectAfterMillis: undefined,
      ...ended
    })
  }
}

/** A client whose server greets it with these messages and a sync. */
export const connected = async (
  updates: ReadonlyArray<Partial<ConfigUpdate>> = [],
  options: Partial<ConnectOptions> = {},
  clock = new FakeClock(),
  transport = new FakeTransport()
) => {
  transport.greet = (stream) => {
    transport.greet = undefined
    for (const update of updates) stream.events.message(ConfigUpdate.fromPartial(update))
    const newest = updates.reduce((max, { revision = 0n }) => (revision > max ? revision : max), 0n)
    stream.events.message(ConfigUpdate.fromPartial(synced(Number(newest))))
  }
  const client = await HeraldClient.connect(
    { address: "herald:50051", service: "shop", instance: "i1", ...options },
    { clock, transport }
  )
  await turn()
  return { client, clock, transport }
}
