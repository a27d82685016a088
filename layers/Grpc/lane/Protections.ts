/**
 * What a peer may do to a connection of the lane: one table. Pure.
 *
 *   PV1  Each protection has a name, which is the reason that is counted in `herald_refused_total` and said in the log, a bound, where the bound
 *        comes from, and what happens beyond it.
 *   PV2  A bucket gives back `perSecond` of what was taken, up to its bound; what a peer earns by what we send it never goes beyond it.
 */
export interface Protection {
  readonly bound: number
  /** Of a bucket. */
  readonly perSecond?: number
  readonly counts: string
  readonly source: string
  readonly beyond: "close" | "reset" | "refuse" | "answer" | "wait"
}

/** What is counted by time. */
export const buckets = {
  resets: {
    ...{ bound: 1_000, perSecond: 33, counts: "RST_STREAM received (CVE-2023-44487)" },
    ...{ source: "nghttp2", beyond: "close" }
  },
  provoked: {
    ...{ bound: 1_024, perSecond: 33, counts: "streams that we had to reset (CVE-2025-8671)" },
    ...{ source: "hyper/h2", beyond: "close" }
  },
  pings: {
    ...{ bound: 20, perSecond: 2, counts: "PING since nothing was sent to the peer (CVE-2019-9512)" },
    ...{ source: "grpc-go, which allows two", beyond: "close" }
  },
  settings: {
    ...{ bound: 32, perSecond: 1, counts: "SETTINGS (CVE-2019-9515)" },
    ...{ source: "nghttp2", beyond: "close" }
  },
  empty: {
    ...{ bound: 100, perSecond: 10, counts: "empty DATA that ends nothing (CVE-2019-9518)" },
    ...{ source: "hyper/h2", beyond: "close" }
  },
  tiny: {
    ...{ bound: 1_000, perSecond: 100, counts: "DATA of less than 64 bytes that completes no message (CVE-2019-9511)" },
    ...{ source: "hyper/h2", beyond: "close" }
  },
  windows: {
    ...{ bound: 2_000, perSecond: 100, counts: "WINDOW_UPDATE beyond two for each DATA sent" },
    ...{ source: "x/net counts what it queues", beyond: "close" }
  },
  priorities: {
    ...{ bound: 1_000, perSecond: 33, counts: "PRIORITY (CVE-2019-9513)" },
    ...{ source: "nghttp2's glitches", beyond: "close" }
  },
  unknown: {
    ...{
      bound: 1_000,
      perSecond: 33,
      counts: "frames of unknown types, GOAWAY, and answers to PINGs that we did not send"
    },
    ...{ source: "nghttp2's glitches", beyond: "close" }
  },
  late: {
    ...{ bound: 10_000, perSecond: 100, counts: "frames of streams that we reset or did not take any more" },
    ...{ source: "x/net's control frames", beyond: "close" }
  },
  early: {
    ...{ bound: 10_000, perSecond: 100, counts: "streams beyond the limit before our SETTINGS were acknowledged" },
    ...{ source: "x/net's control frames", beyond: "close" }
  },
  refused: {
    ...{ bound: 100, perSecond: 10, counts: "calls that were refused unread" },
    ...{ source: "D6", beyond: "close" }
  },
  strangers: {
    ...{ bound: 500, perSecond: 50, counts: "calls of unknown callers that were refused" },
    ...{ source: "D5", beyond: "close" }
  }
} as const satisfies Readonly<Record<string, Protection>>

/** What is counted as it stands. */
export const bounds = {
  continuations: { bound: 8, counts: "CONTINUATION of a block (CVE-2024-27316)", source: "nghttp2", beyond: "close" },
  entries: { bound: 32, counts: "settings of one frame", source: "nghttp2", beyond: "close" },
  block: { bound: 32_768, counts: "bytes of a block as it arrives", source: "twice the list", beyond: "close" },
  list: { bound: 16_384, counts: "bytes of a header list", source: "x/net's default for gRPC", beyond: "answer" },
  streams: {
    bound: 100,
    counts: "streams open at once, where no setting says otherwise",
    source: "RFC 9113 §6.5.2",
    beyond: "refuse"
  },
  queued: {
    bound: 1_000,
    counts: "frames in answer that wait for a peer that does not read",
    source: "nghttp2",
    beyond: "close"
  },
  unsent_of_stream: {
    bound: 20_971_520,
    counts: "bytes that wait to be sent on a stream",
    source: "two of the largest messages: one waits, and one was taken nevertheless",
    beyond: "reset"
  },
  unsent: {
    bound: 33_554_432,
    counts: "bytes that wait to be sent on a connection",
    source: "half of what grpc-js has",
    beyond: "reset"
  },
  unsent_in_all: {
    bound: 268_435_456,
    counts: "bytes that wait to be sent on all connections, each message once",
    source: "a fraction of what a node may have",
    beyond: "close"
  },
  unread: { bound: 4_194_304, counts: "bytes that came and no handler took yet", source: "grpc-go", beyond: "wait" },
  preface: {
    bound: 10_000,
    counts: "milliseconds until SETTINGS have come and ours are acknowledged, TLS included",
    source: "grpc-go",
    beyond: "close"
  },
  silence: {
    bound: 10_000,
    counts: "milliseconds without an answer to our PING",
    source: "as on grpc-js",
    beyond: "close"
  }
} as const satisfies Readonly<Record<string, Protection>>

/** DATA below this is tiny, in bytes. */
export const TINY = 64

export type BucketName = keyof typeof buckets
const names = Object.keys(buckets) as ReadonlyArray<BucketName>
const indices = Object.fromEntries(names.map((name, i) => [name, i])) as Readonly<Record<BucketName, number>>

/** The buckets of one connection. Times are milliseconds of any clock that only goes forward. PV2 */
export class Buckets {
  /** How much is taken of each, and when that was so: in threes, by its number, of those that anything was taken of. */
  readonly #of: Array<number> = []

  #find(name: BucketName): number {
    const index = indices[name]
    for (let i = 0; i < this.#of.length; i += 3) if (this.#of[i] === index) return i
    return this.#of.push(index, 0, 0) - 3
  }

  /** Takes one; false when there was none. */
  take(name: BucketName, now: number): boolean {
    const i = this.#find(name)
    const { bound, perSecond } = buckets[name]
    const left = Math.max(0, this.#of[i + 1]! - ((now - this.#of[i + 2]!) * perSecond) / 1_000)
    this.#of[i + 1] = left + 1
    this.#of[i + 2] = now
    return left + 1 <= bound
  }

  /** Gives some back. */
  give(name: BucketName, by: number): void {
    const i = this.#find(name)
    this.#of[i + 1] = Math.max(0, this.#of[i + 1]! - by)
  }

  reset(name: BucketName): void {
    this.#of[this.#find(name) + 1] = 0
  }
}
