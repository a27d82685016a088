/** Transports of the gRPC door, on a real socket. */
import {
  type ClientDuplexStream,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerInterceptingCallInterface
} from "@grpc/grpc-js"
import { LaneServer } from "../../layers/Grpc/lane/LaneServer.ts"
import {
  type ConfigUpdate,
  DistributionServiceClient,
  DistributionServiceService,
  type SubscribeRequest,
  UpdateKind
} from "../../proto/generated/herald/distribution/v1/distribution.ts"
import { type SubscribeCall, sinkOf } from "../../src/edge/grpc/distribution/Subscribe.ts"
import { encode } from "../../src/edge/grpc/distribution/Wire.ts"
import { Line } from "../../src/edge/grpc/Line.ts"
import type { Sink } from "../../src/sessions/Session.ts"
import { until } from "../support/turn.ts"
import { type Ends, sinks } from "./Sinks.ts"

const word = ({ kind, reconnectAfterMs }: ConfigUpdate): string =>
  kind === UpdateKind.UPDATE_KIND_DRAIN ? `drain ${reconnectAfterMs}` : "problem"

/** grpc-js's server, or the lane's, to whom it makes no difference. */
const makeServer = (lane: boolean, interceptor: (method: unknown, next: ServerInterceptingCallInterface) => Line) => {
  if (lane) {
    const server = new LaneServer({ interceptors: [interceptor] })
    const listen = () => server.listen("127.0.0.1", 0)
    return { services: server as unknown as Server, listen, stop: () => server.destroy() }
  }
  const server = new Server({ interceptors: [interceptor] })
  const listen = () =>
    new Promise<number>((resolve, reject) =>
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, at) =>
        error === null ? resolve(at) : reject(error)
      )
    )
  return { services: server, listen, stop: () => server.forceShutdown() }
}

const onSocket = (lane: boolean, sinkFor: (call: SubscribeCall, line: Line) => Sink) => async (): Promise<Ends> => {
  let call: SubscribeCall | undefined
  let line: Line | undefined
  let gone = false
  const server = makeServer(lane, (_, next) => {
    line = new Line(next, {})
    return line
  })
  const definition = {
    subscribe: { ...DistributionServiceService.subscribe, responseSerialize: (bytes: unknown) => bytes as Buffer }
  }
  server.services.addService(definition, {
    subscribe: (came: SubscribeCall) => {
      call = came
      came.on("data", () => {})
      came.on("error", () => {})
      came.on("cancelled", () => {
        gone = true
      })
    }
  })
  const port = await server.listen()
  const client = new DistributionServiceClient(`127.0.0.1:${port}`, credentials.createInsecure())
  const stream: ClientDuplexStream<SubscribeRequest, ConfigUpdate> = client.subscribe(new Metadata())
  const got: Array<string> = []
  let over = false
  stream.on("data", (update: ConfigUpdate) => got.push(word(update)))
  stream.on("error", () => {})
  stream.on("status", () => {
    over = true
  })
  await until(() => call !== undefined)
  return {
    sink: sinkFor(call!, line!),
    hold: (held) => void (held ? stream.pause() : stream.resume()),
    got: () => got,
    end: () => void call!.end(),
    leave: () => {
      stream.cancel()
      return until(() => gone)
    },
    // What comes after all that was sent.
    arrived: () => {
      call!.end()
      return until(() => over)
    },
    close: async () => {
      client.close()
      server.stop()
    }
  }
}

for (const [below, lane] of [
  ["grpc-js", false],
  ["the lane", true]
] as const) {
  sinks(
    `past the stream of a call, on ${below}`,
    onSocket(lane, (call, line) => line.sink(call, encode))
  )
  sinks(
    `over the stream of a call, on ${below}`,
    onSocket(lane, (call) => sinkOf(call))
  )
}
