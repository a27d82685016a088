/** Streams of flagd's protocols, by clients without a provider: what they were sent, and with what status they ended. */
import { type ClientReadableStream, credentials, Metadata, type ServiceError } from "@grpc/grpc-js"
import { ServiceClient as FirstClient } from "../../proto/generated/flagd/evaluation/v1/evaluation.ts"
import { ServiceClient } from "../../proto/generated/flagd/evaluation/v2/evaluation.ts"
import { FlagSyncServiceClient } from "../../proto/generated/flagd/sync/v1/sync.ts"
import { clientOf, follow, transportOf, V2 } from "./ConnectClients.ts"

export interface Watch {
  readonly name: string
  readonly got: Array<unknown>
  /** A number of gRPC's, or "ok"; undefined while it is open. */
  readonly ended: () => number | "ok" | undefined
  readonly close: () => void
}

export const watches = (grpc: string): ReadonlyArray<Watch> => {
  const own = { "grpc.use_local_subchannel_pool": 1 }
  const by = <M>(name: string, client: { close(): void }, stream: ClientReadableStream<M>): Watch => {
    const got: Array<unknown> = []
    let ended: number | "ok" | undefined
    stream.on("data", (message) => got.push(message))
    stream.on("error", ({ code }: ServiceError) => (ended ??= code))
    stream.on("end", () => setImmediate(() => (ended ??= "ok"))) // an error comes behind it
    return {
      ...{ name, got, ended: () => ended },
      close: () => {
        stream.cancel()
        client.close()
      }
    }
  }
  const open = credentials.createInsecure()
  const [sync, first, second] = [
    new FlagSyncServiceClient(grpc, open, own),
    new FirstClient(grpc, open, own),
    new ServiceClient(grpc, open, own)
  ]
  const abort = new AbortController()
  const connected = follow(
    clientOf(V2, transportOf(`http://${grpc}`, "Connect, JSON")).eventStream({}, { signal: abort.signal })
  )
  return [
    by("flagd.sync.v1", sync, sync.syncFlags({ providerId: "", selector: "" }, new Metadata())),
    by("flagd.evaluation.v1", first, first.eventStream({}, new Metadata())),
    by("flagd.evaluation.v2", second, second.eventStream({}, new Metadata())),
    { name: "Connect", got: connected.got, ended: () => connected.end.code, close: () => abort.abort() }
  ]
}
