/**
 * Topics over @grpc/grpc-js.
 *
 *   ZT1  Who wants a stream begins at a node of its own choice, and each try goes to the next one.
 */
import type { MethodDefinition } from "@grpc/grpc-js"
import {
  type ConsumeRequest,
  type ConsumeResponse,
  type OpenProducerRequest,
  type PublishEventsRequest,
  type PublishStreamRequest,
  type PublishStreamResponse,
  type ReadRequest,
  type ReadResponse,
  TopicServiceService as topics
} from "../../../proto/generated/herald/topics/v1/topics.ts"
import { GrpcCalls, type GrpcOptions } from "../GrpcCalls.ts"
import { unzstd } from "../Platform.ts"
import type { Call, CallEvents } from "../Transport.ts"
import type { TopicTransport } from "./TopicTransport.ts"

const askMillis = 30_000

export class GrpcTopics implements TopicTransport {
  readonly zstd = unzstd
  readonly #calls: GrpcCalls

  /** Throws `OptionError`. */
  constructor(options: GrpcOptions) {
    this.#calls = new GrpcCalls(options)
  }

  publishStream(attempt: number, events: CallEvents<PublishStreamResponse>): Call<PublishStreamRequest> {
    return this.#calls.stream(this.#address(attempt), topics.publishStream, [], events)
  }

  read(attempt: number, first: ReadRequest, events: CallEvents<ReadResponse>): Call<ReadRequest> {
    return this.#calls.stream(this.#address(attempt), topics.read, [first], events)
  }

  consume(attempt: number, first: ConsumeRequest, events: CallEvents<ConsumeResponse>): Call<ConsumeRequest> {
    return this.#calls.stream(this.#address(attempt), topics.consume, [first], events)
  }

  openProducer(attempt: number, request: OpenProducerRequest) {
    return this.#ask(attempt, topics.openProducer, request)
  }

  publish(attempt: number, request: PublishEventsRequest) {
    return this.#ask(attempt, topics.publish, request)
  }

  close(): void {
    this.#calls.close()
  }

  async #ask<I, O>(attempt: number, method: MethodDefinition<I, O>, request: I): Promise<O> {
    const client = this.#calls.dial(this.#address(attempt))
    try {
      return await this.#calls.ask(() => client, method, request, askMillis)
    } finally {
      client.close()
    }
  }

  /** ZT1 */
  #address(attempt: number): string {
    return this.#calls.addresses[attempt % this.#calls.addresses.length]!
  }
}
