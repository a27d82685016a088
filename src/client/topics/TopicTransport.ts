/** Says how what the SDK has for topics talks to a server. `GrpcTopics` is the real one. */
import type {
  ConsumeRequest,
  ConsumeResponse,
  OpenProducerRequest,
  OpenProducerResponse,
  PublishEventsRequest,
  PublishEventsResponse,
  PublishStreamRequest,
  PublishStreamResponse,
  ReadRequest,
  ReadResponse
} from "../../../proto/generated/herald/topics/v1/topics.ts"
import type { Call, CallEvents } from "../Transport.ts"

/** `attempt`: counts the tries of one who wants the stream, so that each goes to another node. */
export interface TopicTransport {
  readonly publishStream: (attempt: number, events: CallEvents<PublishStreamResponse>) => Call<PublishStreamRequest>
  readonly read: (attempt: number, first: ReadRequest, events: CallEvents<ReadResponse>) => Call<ReadRequest>
  readonly consume: (
    attempt: number,
    first: ConsumeRequest,
    events: CallEvents<ConsumeResponse>
  ) => Call<ConsumeRequest>
  /** Both reject with `NotAnswered` or `ClosedError`. */
  readonly openProducer: (attempt: number, request: OpenProducerRequest) => Promise<OpenProducerResponse>
  readonly publish: (attempt: number, request: PublishEventsRequest) => Promise<PublishEventsResponse>
  /** Frames of zstd can be read here. */
  readonly zstd: ((bytes: Uint8Array, most: number) => Uint8Array) | undefined
  readonly close: () => void
}
