/** A call of gRPC without a schema: what it receives, as it came. */
import { credentials, Metadata, makeGenericClientConstructor } from "@grpc/grpc-js"

const raw = (bytes: Buffer) => bytes
const RawClient = makeGenericClientConstructor({}, "raw")

export interface RawCall {
  readonly address: string
  readonly token: string
  readonly path: string
  readonly message: Uint8Array
  /** Whether more is said later: its end is not told. */
  readonly open: boolean
}

/** `ended`: with which code. */
export const rawStream = ({ address, token, path, message, open }: RawCall, hear: (bytes: Buffer) => void) => {
  const client = new RawClient(address, credentials.createInsecure())
  const metadata = new Metadata()
  metadata.set("authorization", `Bearer ${token}`)
  const call = client.makeBidiStreamRequest(path, raw, raw, metadata)
  const said = { ended: undefined as number | undefined, details: "" }
  call.on("data", hear)
  call.on("error", ({ code, details }: Error & { code: number; details: string }) => {
    said.ended = code
    said.details = details
  })
  call.on("end", () => (said.ended ??= 0))
  call.write(Buffer.from(message))
  if (!open) call.end()
  const close = () => {
    call.cancel()
    client.close()
  }
  return { said, close }
}
