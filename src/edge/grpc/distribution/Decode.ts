/** Decodes messages of herald.distribution.v1. */
import {
  HeartbeatRequest,
  ReportHealthRequest,
  SubscribeRequest
} from "../../../../proto/generated/herald/distribution/v1/distribution.ts"
import { MOST_LABELS } from "../../../keys/ClientName.ts"
import { MOST_PATTERNS } from "../../../keys/Pattern.ts"
import { decoderOf } from "../Decode.ts"

/** Entries of one message, at most. G8 */
const ENTRIES = 10_000
const METRICS = 64

const decoder = decoderOf("herald.distribution.v1")

export const subscribeRequest = decoder(SubscribeRequest, {
  4: ["metadata", MOST_LABELS, "entries"],
  6: ["keys", MOST_PATTERNS, "patterns"],
  8: ["held", ENTRIES, "entries"],
  11: ["acks", ENTRIES, "entries"]
})
export const reportHealthRequest = decoder(ReportHealthRequest, { 7: ["metrics", METRICS, "entries"] })
export const heartbeatRequest = decoder(HeartbeatRequest, {})
