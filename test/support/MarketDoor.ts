/** A client of market data at the gRPC door, as others have it (grpc-js and generated code), and topics for it. */

import { type ClientReadableStream, credentials, Metadata, type ServiceError } from "@grpc/grpc-js"
import { Effect } from "effect"
import { afterEach } from "vitest"
import {
  type ManageSubscriptionResponse,
  type MarketData,
  MarketDataStreamClient,
  StreamHistoricalDataRequest,
  type StreamHistoricalDataResponse,
  StreamMarketDataRequest,
  type StreamMarketDataResponse,
  type SubscriptionAction
} from "../../proto/generated/herald/marketdata/v1/marketdata.ts"
import { CurrentIdentity, system } from "../../src/access/Identity.ts"
import { frameOf } from "../../src/topics/Message.ts"
import { TopicLog } from "../../src/topics/TopicLog.ts"
import { Topics } from "../../src/topics/Topics.ts"
import type { Door } from "./Door.ts"

const closing: Array<() => void> = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

export const NAME = "market-data/normalized/us"
export const said = (more: object) => ({
  symbol: "AAPL",
  exchange: "NASDAQ",
  currency: "USD",
  ts_event: "1769850000000000001",
  ...more
})
export const sold = (id: string, price: string, more: object = {}) =>
  said({ type: "trade", id, price, size: "10.5", ...more })

export class Client {
  readonly client: MarketDataStreamClient
  readonly metadata = new Metadata()

  constructor(door: Door, token = door.token, flow = 4_194_304) {
    this.client = new MarketDataStreamClient(door.address, credentials.createInsecure(), {
      "grpc.use_local_subchannel_pool": 1,
      "grpc-node.flow_control_window": flow
    })
    this.metadata.set("authorization", `Bearer ${token}`)
    closing.push(() => this.client.close())
  }

  listen(request: Partial<StreamMarketDataRequest>) {
    const seen = {
      all: [] as Array<StreamMarketDataResponse>,
      data: [] as Array<MarketData>,
      error: undefined as ServiceError | undefined,
      get kinds() {
        return seen.all.map(({ what }) => what?.$case)
      },
      get ids() {
        return seen.data.map(({ id }) => id)
      }
    }
    const stream: ClientReadableStream<StreamMarketDataResponse> = this.client.streamMarketData(
      StreamMarketDataRequest.fromPartial(request),
      this.metadata
    )
    stream.on("data", (response: StreamMarketDataResponse) => {
      seen.all.push(response)
      if (response.what?.$case === "batch") seen.data.push(...response.what.value.data)
    })
    stream.on("error", (error: ServiceError) => (seen.error = error))
    closing.push(() => stream.cancel())
    return { seen, stream }
  }

  history(request: Partial<StreamHistoricalDataRequest>): Promise<ReadonlyArray<StreamHistoricalDataResponse>> {
    return new Promise((resolve, reject) => {
      const all: Array<StreamHistoricalDataResponse> = []
      const stream = this.client.streamHistoricalData(StreamHistoricalDataRequest.fromPartial(request), this.metadata)
      stream.on("data", (one: StreamHistoricalDataResponse) => all.push(one))
      stream.on("error", reject)
      stream.on("end", () => resolve(all))
    })
  }

  manage(action: SubscriptionAction, more: object = {}): Promise<ManageSubscriptionResponse> {
    const request = {
      action,
      topic: NAME,
      subscriptionName: "desk",
      symbols: [],
      dataTypes: [],
      filter: undefined,
      type: ""
    }
    return new Promise((resolve, reject) =>
      this.client.manageSubscription({ ...request, ...more }, this.metadata, (error, answer) =>
        error === null ? resolve(answer) : reject(error)
      )
    )
  }
}

export const create = (door: Door, name = NAME, partitions = 1) =>
  door.run(
    Effect.provideService(
      Effect.flatMap(Topics, (topics) => topics.create({ name, partitions }, { message: "" })),
      CurrentIdentity,
      system
    )
  )
export const publish = (door: Door, topic: number, ...events: ReadonlyArray<object | string>) =>
  door.run(
    Effect.flatMap(TopicLog, (log) =>
      log.append({
        ...{ topic, partition: 0, compression: "none" as const, producing: undefined },
        events: frameOf(
          events.map((event) => ({
            key: typeof event === "string" ? null : (event as { readonly symbol: string }).symbol,
            payload: Buffer.from(typeof event === "string" ? event : JSON.stringify(event)),
            eventTime: null,
            headers: new Map()
          }))
        )
      })
    )
  )
