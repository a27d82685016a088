/** Decodes messages of flagd.evaluation and flagd.sync.v1. */
import { ResolveAllRequest } from "../../../../proto/generated/flagd/evaluation/v1/evaluation.ts"
import {
  EventStreamRequest,
  ResolveBooleanRequest
} from "../../../../proto/generated/flagd/evaluation/v2/evaluation.ts"
import {
  FetchAllFlagsRequest,
  GetMetadataRequest,
  SyncFlagsRequest
} from "../../../../proto/generated/flagd/sync/v1/sync.ts"
import { decoderOf } from "../Decode.ts"

const evaluation = decoderOf("flagd.evaluation")
const sync = decoderOf("flagd.sync.v1")

/** The requests of all types, and of both versions, have the same fields. */
export const resolveRequest = evaluation(ResolveBooleanRequest, {})
export const resolveAllRequest = evaluation(ResolveAllRequest, {})
export const eventStreamRequest = evaluation(EventStreamRequest, {})
export const syncFlagsRequest = sync(SyncFlagsRequest, {})
export const fetchAllFlagsRequest = sync(FetchAllFlagsRequest, {})
export const getMetadataRequest = sync(GetMetadataRequest, {})
