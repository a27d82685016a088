/** The other side of a client in tests: a clock that a test turns and a transport that a test speaks through. */
import { createHash } from "node:crypto"
import {
  type Ack,
  ConfigUpdate,
  type ReportHealthRequest,
  type SubscribeRequest,
  UpdateKind
} from "../../proto/generated/herald/distribution/v1/distribution.ts"
import type { Clock } from "../../src/client/Clock.ts"
import {
  type ConnectOptions,
  type Ended,
  HeraldClient,
  type StreamEvents,
  type Transport
} from "../../src/client/HeraldClient.ts"

export const sha256 = (text: string) => createHash("sha256").update(text).digest("hex")

export class FakeClock implements Clock {
  #now = 1_000
  #timers: Array<{ readonly at: number; readonly task: () => void }> = []
  /** What `random` answers. */
  chance = 0.5

  now = () => this.#now
  random = () => this.chance
  soon = (task: () => void) => queueMicrotask(task)
  after = (millis: number, task: () => void) => {
    const timer = { at: this.#now + millis, task }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((t) => t !== timer)
    }
  }

  get waiting(): ReadonlyArray<number> {
    return this.#timers.map(({ at }) => at - this.#now).sort((a, b) => a - b)
  }

  async advance(millis: number): Promise<void> {
    const end = this.#now + millis
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
      if (next === undefined) break
      this.#timers = this.#timers.filter((t) => t !== next)
      this.#now = Math.max(this.#now, next.at)
      next.task()
      await turn()
    }
    this.#now = end
    await turn()
  }
}

/** Lets everything that is ready run. */
export const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** Waits for a condition, however long the machine takes. */
export const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await turn()
}

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

export const value = (key: string, revision: number, content: unknown, more: Partial<ConfigUpdate> = {}) => {
  const text = JSON.stringify(content)
  return {
    key,
    version: BigInt(revision),
    revision: BigInt(revision),
    epoch: "e1",
    format: "json",
    content: Buffer.from(text),
    digest: sha256(text),
    ...more
  } satisfies Partial<ConfigUpdate>
}

export const deleted = (key: string, revision: number, epoch = "e1") => ({
  key,
  revision: BigInt(revision),
  epoch,
  kind: UpdateKind.UPDATE_KIND_DELETED
})

export const synced = (revision: number, more: Partial<ConfigUpdate> = {}) => ({
  kind: UpdateKind.UPDATE_KIND_SYNCED,
  epoch: "e1",
  revision: BigInt(revision),
  ...more
})

export const delta = (key: string, revision: number, base: unknown, patch: ReadonlyArray<object>, after: unknown) =>
  value(key, revision, after, {
    content: Buffer.from(JSON.stringify(patch)),
    deltaBase: sha256(JSON.stringify(base))
  })

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
