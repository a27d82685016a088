/** Publishes over gRPC, by a plain grpc-js client: call by call, and on a stream. */
import { type ClientDuplexStream, credentials, Metadata } from "@grpc/grpc-js"
import {
  PublishingServiceClient,
  PublishManyRequest,
  type PublishManyResponse,
  PublishRequest,
  PublishResponse,
  type PublishResult
} from "../../proto/generated/herald/publishing/v1/publishing.ts"
import type { Unary } from "./Unary.ts"

const METHOD = "/herald.publishing.v1.PublishingService/Publish"

const itemOf = (key: string, value: string) => PublishRequest.fromPartial({ key, value, message: "benchmark" })

/** Publishes JSON text; returns the version it became. */
export const publish = async (connection: Unary, key: string, value: string): Promise<number> => {
  const answer = await connection.call(METHOD, PublishRequest.encode(itemOf(key, value)).finish())
  return Number(PublishResponse.decode(answer).version)
}

/** One stream on a connection of its own. */
export class Publisher {
  readonly #client: PublishingServiceClient
  readonly #stream: ClientDuplexStream<PublishManyRequest, PublishManyResponse>
  readonly #waiting: Array<(result: PublishResult) => void> = []
  failed: Error | undefined

  constructor(address: string, token: string) {
    const metadata = new Metadata()
    metadata.set("authorization", `Bearer ${token}`)
    this.#client = new PublishingServiceClient(address, credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1
    })
    this.#stream = this.#client.publishMany(metadata)
    this.#stream.on("error", (error) => {
      this.failed = error
    })
    this.#stream.on("data", ({ results }: PublishManyResponse) => {
      for (const result of results) this.#waiting.shift()?.(result)
    })
  }

  /** The versions that they became, in their order. */
  async publish(items: ReadonlyArray<readonly [key: string, value: string]>): Promise<ReadonlyArray<number>> {
    const results = items.map(() => new Promise<PublishResult>((resolve) => this.#waiting.push(resolve)))
    this.#stream.write(PublishManyRequest.fromPartial({ items: items.map(([key, value]) => itemOf(key, value)) }))
    return (await Promise.all(results)).map(({ outcome }) => {
      if (outcome?.$case !== "published") throw new Error(`an item was refused: ${outcome?.value.detail}`)
      return Number(outcome.value.version)
    })
  }

  close(): void {
    this.#stream.cancel()
    this.#client.close()
  }
}
