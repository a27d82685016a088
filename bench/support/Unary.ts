/** One connection to a gRPC server, by a plain grpc-js client: the same for Herald and for what it is compared with. */
import { Client, credentials, Metadata } from "@grpc/grpc-js"

const asIs = (bytes: Buffer): Buffer => bytes

export class Unary {
  readonly #client: Client
  readonly #metadata = new Metadata()

  /** `address`: such as `127.0.0.1:2379`. */
  constructor(address: string, token?: string) {
    // A subchannel of its own, or clients of one address would share a connection.
    this.#client = new Client(address, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 })
    if (token !== undefined) this.#metadata.set("authorization", `Bearer ${token}`)
  }

  /** `method`: such as `/etcdserverpb.KV/Put`. */
  call(method: string, request: Uint8Array): Promise<Buffer> {
    return new Promise((resolve, reject) =>
      this.#client.makeUnaryRequest(
        method,
        asIs,
        asIs,
        Buffer.from(request.buffer as ArrayBuffer, request.byteOffset, request.byteLength),
        this.#metadata,
        (error, answer) => (error === null ? resolve(answer!) : reject(error))
      )
    )
  }

  close(): void {
    this.#client.close()
  }
}
