/** Transports of the gRPC door, on a real socket. */
import { type ClientDuplexStream, credentials, Metadata } from "@grpc/grpc-js"
import type { BelowOptions } from "../../layers/Grpc/Below.ts"
import { onGrpcJs } from "../../layers/Grpc/GrpcJs.ts"
import { onLane } from "../../layers/Grpc/Lane.ts"
import {
  type ConfigUpdate,
  DistributionServiceClient,
  type SubscribeRequest,
  UpdateKind
} from "../../proto/generated/herald/distribution/v1/distribution.ts"
import { sinkOf } from "../../src/edge/grpc/distribution/Subscribe.ts"
import type { Handler, ServerCall } from "../../src/edge/grpc/ServerCall.ts"
import { OK } from "../../src/edge/grpc/Status.ts"
import { makeOrigins } from "../../src/net/Origins.ts"
import { until } from "../support/turn.ts"
import { type Ends, sinks } from "./Sinks.ts"

const word = ({ kind, reconnectAfterMs }: ConfigUpdate): string =>
  kind === UpdateKind.UPDATE_KIND_DRAIN ? `drain ${reconnectAfterMs}` : "problem"

const onSocket = (make: typeof onLane) => async (): Promise<Ends> => {
  let call: ServerCall | undefined
  let gone = false
  const subscribe: Handler = (came) => {
    call = came
    came.hear({
      message: () => came.read(),
      end: () => {},
      over: () => {
        gone = true
      }
    })
    came.read()
  }
  const options: BelowOptions = {
    options: { host: "127.0.0.1", port: 0, maxStreams: 100 },
    gate: { maxConnections: 10, perAddress: 10, exempt: [] },
    certificate: undefined,
    services: [],
    handlers: new Map([["/herald.distribution.v1.DistributionService/Subscribe", subscribe]]),
    ...{ connect: () => undefined, origins: makeOrigins({ origins: [], methods: [], exposed: [] }), defect: () => {} },
    refuse: () => {},
    soon: (step) => step()
  }
  const server = make(options)
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
    sink: sinkOf(call!),
    hold: (held) => void (held ? stream.pause() : stream.resume()),
    got: () => got,
    end: () => call!.end(OK),
    leave: () => {
      stream.cancel()
      return until(() => gone)
    },
    // What comes after all that was sent.
    arrived: () => {
      call!.end(OK)
      return until(() => over)
    },
    close: async () => {
      client.close()
      server.cut()
    }
  }
}

sinks("on grpc-js", onSocket(onGrpcJs))
sinks("on the lane", onSocket(onLane))
