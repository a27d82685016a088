/** A gRPC client made of grpc-js and the .proto file alone, without the SDK. Applies what it gets, and notes what must not happen. */
import * as grpc from "@grpc/grpc-js"
import * as protoLoader from "@grpc/proto-loader"

export interface Update {
  readonly kind: string
  readonly key: string
  readonly version: number
  readonly revision: number
  readonly content: string
  readonly epoch: string
  readonly stale: boolean
}

const definition = protoLoader.loadSync("herald/distribution/v1/distribution.proto", {
  includeDirs: [new URL("../../proto/", import.meta.url).pathname],
  keepCase: true,
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: true
})
// biome-ignore lint/suspicious/noExplicitAny: made at run time from the .proto file
export const { DistributionService } = (grpc.loadPackageDefinition(definition) as any).herald.distribution.v1

export interface SubscriberOptions {
  readonly token: string
  readonly service?: string
  readonly instance?: string
  readonly patterns?: ReadonlyArray<string>
  readonly confirm?: boolean
  readonly channel?: grpc.ChannelOptions
}

export class Subscriber {
  readonly updates: Array<Update> = []
  /** Newest of each key. */
  readonly held = new Map<string, Update>()
  /** Updates that went backwards. */
  readonly backwards: Array<Update> = []
  error: grpc.ServiceError | undefined
  ended = false
  // biome-ignore lint/suspicious/noExplicitAny: made at run time from the .proto file
  readonly client: any
  // biome-ignore lint/suspicious/noExplicitAny: made at run time from the .proto file
  readonly stream: any

  constructor(
    address: string,
    { token, service = "svc", instance = "i1", patterns = [], confirm = true, channel = {} }: SubscriberOptions
  ) {
    const metadata = new grpc.Metadata()
    metadata.set("authorization", `Bearer ${token}`)
    this.client = new DistributionService(address, grpc.credentials.createInsecure(), channel)
    this.stream = this.client.subscribe(metadata)
    this.stream.on("data", (message: Record<string, unknown>) => this.#take(message, confirm))
    this.stream.on("error", (error: grpc.ServiceError) => (this.error = error))
    for (const event of ["end", "close", "error"]) this.stream.on(event, () => (this.ended = true))
    this.stream.write({ service_name: service, instance_id: instance, environment: "production", keys: patterns })
  }

  #take(message: Record<string, unknown>, confirm: boolean): void {
    const update = { ...message, content: String(message["content"]) } as Update
    this.updates.push(update)
    if (update.key === "" || update.revision === 0) return
    const before = this.held.get(update.key)
    if (before !== undefined && before.epoch === update.epoch && before.revision > update.revision)
      this.backwards.push(update)
    this.held.set(update.key, update)
    if (confirm)
      this.stream.write({ acks: [{ key: update.key, revision: update.revision, outcome: "ACK_OUTCOME_APPLIED" }] })
  }

  content(key: string): string | undefined {
    return this.held.get(key)?.content
  }

  close(): void {
    this.stream.cancel()
    this.client.close()
  }
}
