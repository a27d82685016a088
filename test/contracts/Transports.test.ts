/** The client's transport over gRPC, to a server that says what it is told to. */
import { Metadata } from "@grpc/grpc-js"
import { GrpcTransport } from "../../src/client/GrpcTransport.ts"
import { WireServer } from "../support/WireServer.ts"
import { transports } from "./Transports.ts"

transports("over gRPC", async () => {
  const server = await WireServer.start()
  const transport = new GrpcTransport({ address: server.address, token: async () => "secret" })
  return {
    transport,
    heard: (instance) => {
      const at = server.hellos.findIndex(({ instanceId }) => instanceId === instance)
      const call = server.calls[at]
      if (call === undefined) return undefined
      return {
        requests: () => server.requests[at]!,
        say: (update) => server.sayTo(call, update),
        end: ({ status = 0, message = "", code, hopeless = false, reconnectAfterMillis }) => {
          if (status === 0) return void call.end()
          const metadata = new Metadata()
          if (hopeless) metadata.set("herald-reconnect", "no")
          if (reconnectAfterMillis !== undefined) metadata.set("retry-after-ms", String(reconnectAfterMillis))
          call.emit("error", { code: status, details: code === undefined ? message : `${code}: ${message}`, metadata })
        },
        left: () => call.cancelled || call.readableEnded
      }
    },
    answer: (how) => {
      server.reports = how
    },
    reports: () => server.reported,
    close: async () => {
      transport.close()
      server.stop()
    }
  }
})
