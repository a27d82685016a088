/** A reader of a topic on grpc-js and generated code alone, which can stop reading. It notes how far it is and what it is told, and keeps no events. */
import { type ClientDuplexStream, credentials, Metadata, type ServiceError } from "@grpc/grpc-js"
import { ReadRequest, type ReadResponse, TopicServiceClient } from "../../proto/generated/herald/topics/v1/topics.ts"

/** A connection of its own. `window`: bytes that come before it was read. */
export const connection = (address: string, window = 4_194_304): TopicServiceClient =>
  new TopicServiceClient(address, credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
    "grpc-node.flow_control_window": window
  })

export class RawReader {
  readonly stream: ClientDuplexStream<ReadRequest, ReadResponse>
  error: ServiceError | undefined
  isLive = false
  /** Events, those that were left out of batches, and those that gaps were told of. */
  readonly count = { events: 0, leftOut: 0, gaps: 0 }
  /** The number with which the text of the last event begins, and of the last of each key. */
  last = -1
  readonly newest = new Map<string, number>()
  /** An event came whose number is not above that of the one before. */
  isOutOfOrder = false

  constructor(client: TopicServiceClient, token: string, request: Partial<ReadRequest>) {
    const metadata = new Metadata()
    metadata.set("authorization", `Bearer ${token}`)
    this.stream = client.read(metadata)
    this.stream.on("error", (error: ServiceError) => {
      this.error = error
    })
    this.stream.on("data", (response: ReadResponse) => this.#hear(response))
    this.stream.write(ReadRequest.fromPartial({ start: { at: { $case: "latest", value: true } }, ...request }))
  }

  #hear({ what }: ReadResponse): void {
    if (what?.$case === "live") this.isLive = true
    if (what?.$case === "gap") this.count.gaps += Number(what.value.to - what.value.from)
    if (what?.$case !== "batch") return
    this.count.leftOut += Number(what.value.leftOut)
    for (const { key, payload } of what.value.events) {
      const number = Number.parseInt(Buffer.from(payload.subarray(0, 12)).toString(), 10)
      this.isOutOfOrder ||= number <= this.last
      this.last = number
      this.newest.set(key, number)
      this.count.events++
    }
  }
}
