/** A real gRPC server that says what a test tells it to: the wire without Herald behind it. */
import { type Metadata, Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js"
import {
  type Ack,
  ConfigUpdate,
  DistributionServiceService,
  type SubscribeRequest
} from "../../proto/generated/herald/distribution/v1/distribution.ts"
import { until } from "./turn.ts"

type Call = ServerDuplexStream<SubscribeRequest, ConfigUpdate>

export class WireServer implements AsyncDisposable {
  readonly calls: Array<Call> = []
  readonly hellos: Array<SubscribeRequest> = []
  /** What came after each hello. */
  readonly requests: Array<Array<SubscribeRequest>> = []
  readonly acks: Array<Ack> = []
  readonly tokens: Array<string> = []
  heartbeats = 0
  /** Sent to each client after its first message. */
  greeting: Array<Partial<ConfigUpdate>> = []
  /** Ends each call instead of greeting it. */
  refusal: { readonly code: number; readonly details: string; readonly metadata?: Metadata } | undefined
  /** What becomes of health reports. */
  reports: "taken" | "refused" | "none" = "taken"
  reported = 0
  readonly #server = new Server()
  address = ""

  static async start(
    port = 0,
    credentials = ServerCredentials.createInsecure(),
    host = "127.0.0.1"
  ): Promise<WireServer> {
    const wire = new WireServer()
    wire.#server.addService(DistributionServiceService, {
      subscribe: (call: Call) => wire.#subscribe(call),
      reportHealth: (
        { metadata }: { readonly metadata: Metadata },
        reply: (error: object | null, value?: unknown) => void
      ) => {
        wire.reported++
        wire.tokens.push(String(metadata.get("authorization")[0] ?? ""))
        if (wire.reports === "taken") reply(null, { accepted: true })
        if (wire.reports === "refused") reply({ code: 7, details: "HRLD-3003: not yours" })
      },
      heartbeat: (_: unknown, reply: (error: null, value: unknown) => void) =>
        reply(null, { serverTimeMs: 0n, connected: true })
    })
    const bound = await new Promise<number>((resolve, reject) => {
      wire.#server.bindAsync(`${host}:${port}`, credentials, (error, at) =>
        error === null ? resolve(at) : reject(error)
      )
    })
    wire.address = `${host}:${bound}`
    return wire
  }

  say(...updates: ReadonlyArray<Partial<ConfigUpdate>>): void {
    for (const update of updates) this.sayTo(this.calls.at(-1), update)
  }

  sayTo(call: Call | undefined, update: Partial<ConfigUpdate>): void {
    call?.write(ConfigUpdate.fromPartial(update))
  }

  async heard(condition: () => boolean): Promise<void> {
    await until(condition)
  }

  stop(): void {
    this.#server.forceShutdown()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop()
  }

  #subscribe(call: Call): void {
    let requests: Array<SubscribeRequest> | undefined
    this.tokens.push(String(call.metadata.get("authorization")[0] ?? ""))
    call.on("error", () => {})
    call.on("end", () => call.end())
    call.on("data", (request: SubscribeRequest) => {
      if (request.heartbeat) this.heartbeats++
      this.acks.push(...request.acks)
      if (requests !== undefined) return void requests.push(request)
      requests = []
      this.requests.push(requests)
      this.calls.push(call)
      this.hellos.push(request)
      if (this.refusal !== undefined) call.emit("error", this.refusal)
      else this.say(...this.greeting)
    })
  }
}
