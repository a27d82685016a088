/** A transport that a test speaks through, and a client on it. test/contracts/Transports.ts holds it to what the real one does. */
import {
  type Ack,
  AckOutcome,
  type ConfigUpdate,
  type ReportHealthRequest,
  type SubscribeRequest
} from "../../proto/generated/herald/distribution/v1/distribution.ts"
import { ClosedError, ReportError } from "../../src/client/ClientError.ts"
import {
  type ConnectOptions,
  type Ended,
  HeraldClient,
  type StreamEvents,
  type Transport
} from "../../src/client/HeraldClient.ts"
import { FakeClock } from "./FakeClock.ts"
import { FakeStream } from "./FakeStream.ts"
import { synced } from "./Said.ts"
import { turn } from "./turn.ts"

export class FakeTransport implements Transport {
  readonly streams: Array<FakeStream> = []
  readonly reports: Array<ReportHealthRequest> = []
  /** Streams say that they have no room for more. */
  full = false
  /** Answers each new stream as soon as its hello is heard. */
  greet: ((stream: FakeStream) => void) | undefined
  /** What becomes of reports. */
  answer: "taken" | "refused" | "none" = "taken"
  #closed = false
  readonly #unanswered = new Set<(why: Error) => void>()

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

  open = (hello: SubscribeRequest, events: StreamEvents): FakeStream => {
    const stream = new FakeStream(hello, events, this)
    this.streams.push(stream)
    queueMicrotask(() => stream.begin() && this.greet?.(stream))
    return stream
  }

  reportHealth = async (request: ReportHealthRequest): Promise<boolean> => {
    if (this.#closed) throw new ClosedError()
    await Promise.resolve()
    if (this.#closed) throw new ClosedError()
    this.reports.push(request)
    if (this.answer === "taken") return true
    if (this.answer === "refused") throw new ReportError("HRLD-3003", "the health report was not taken")
    return new Promise((_, reject) => this.#unanswered.add(reject))
  }

  close = (): void => {
    this.#closed = true
    for (const reject of this.#unanswered) reject(new ClosedError())
    this.#unanswered.clear()
  }

  say(update: Partial<ConfigUpdate>): void {
    this.last.say(update)
  }

  end(ended: Partial<Ended> = {}): void {
    this.last.end(ended)
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
    for (const update of updates) stream.say(update)
    const newest = updates.reduce((max, { revision = 0n }) => (revision > max ? revision : max), 0n)
    stream.say(synced(Number(newest)))
  }
  const client = await HeraldClient.connect(
    { address: "herald:50051", service: "shop", instance: "i1", ...options },
    { clock, transport }
  )
  await turn()
  return { client, clock, transport }
}
