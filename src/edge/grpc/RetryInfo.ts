/**
 * Says in a status when to come back, as libraries of gRPC read it: `google.rpc.RetryInfo` among the details of a `google.rpc.Status`
 * (https://github.com/googleapis/googleapis, google/rpc/error_details.proto). By the wire, as both are a few fields.
 */
import { BinaryWriter } from "@bufbuild/protobuf/wire"

/** A `google.protobuf.Any`. */
export const anyOf = (type: string, message: Uint8Array): Uint8Array =>
  new BinaryWriter().uint32(0x0a).string(`type.googleapis.com/${type}`).uint32(0x12).bytes(message).finish()

/** `retry_delay`, from milliseconds. */
export const retryInfo = (millis: number): Uint8Array => {
  const seconds = Math.floor(millis / 1_000)
  const nanos = Math.round((millis - seconds * 1_000) * 1_000_000)
  const delay = new BinaryWriter().uint32(0x08).int64(seconds).uint32(0x10).int32(nanos).finish()
  return anyOf("google.rpc.RetryInfo", new BinaryWriter().uint32(0x0a).bytes(delay).finish())
}

/** A `google.rpc.Status` in base64, for the trailer `grpc-status-details-bin`. */
export const statusDetails = (code: number, message: string, details: ReadonlyArray<Uint8Array>): Buffer => {
  const status = new BinaryWriter().uint32(0x08).int32(code).uint32(0x12).string(message)
  for (const one of details) status.uint32(0x1a).bytes(one)
  return Buffer.from(status.finish())
}
