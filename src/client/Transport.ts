/** Says how the SDK talks to a server: one stream at a time, and reports. `GrpcTransport` is the real one. */
import type {
  ConfigUpdate,
  ReportHealthRequest,
  SubscribeRequest
} from "../../proto/generated/herald/distribution/v1/distribution.ts"
import type { ReportRequest, ReportResponse } from "../../proto/generated/herald/reporting/v1/reporting.ts"

/** Why a stream ended. */
export interface Ended {
  /** gRPC status; 0 when the server closed it in peace. */
  readonly status: number
  readonly message: string
  /** `HRLD-nnnn` when the server gave one. */
  readonly code: string | undefined
  /** The server's advice: a person must act before coming back makes sense. */
  readonly hopeless: boolean
  /** How long the server asks us to stay away. */
  readonly reconnectAfterMillis: number | undefined
}

/** A stream to the server, of whatever sort. */
export interface Call<I> {
  /** Takes the request in any case; false when the stream is full: wait for `writable`. */
  readonly send: (request: I) => boolean
  /** `held`: nothing more is read until it is false again. */
  readonly hold: (held: boolean) => void
  /** Cuts it; no event follows. */
  readonly drop: () => void
  /** Lets what was sent arrive, says goodbye, then cuts it. */
  readonly finish: () => Promise<void>
}

export interface CallEvents<O> {
  readonly message: (response: O) => void
  /** After `send` returned false: there is room again. */
  readonly writable: () => void
  /** Once, unless we dropped the stream ourselves. */
  readonly ended: (ended: Ended) => void
}

/** One of configuration. While it is held the server keeps the newest of each key. */
export type Stream = Call<SubscribeRequest>
export type StreamEvents = CallEvents<ConfigUpdate>

export interface Transport {
  readonly open: (first: SubscribeRequest, events: StreamEvents) => Stream
  readonly reportHealth: (request: ReportHealthRequest) => Promise<boolean>
  /** Of the flags that were evaluated here. Rejects with `ReportError` or `ClosedError`. Left out: it can't. */
  readonly report?: (request: ReportRequest) => Promise<ReportResponse>
  readonly close: () => void
}
