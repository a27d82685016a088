/** Decodes messages of herald.publishing.v1. */
import { PublishManyRequest, PublishRequest } from "../../../../proto/generated/herald/publishing/v1/publishing.ts"
import { decoderOf } from "../Decode.ts"

/** Items of one message. G8 */
export const ITEMS = 1_000

const decoder = decoderOf("herald.publishing.v1")

export const publishRequest = decoder(PublishRequest, {})
export const publishManyRequest = decoder(PublishManyRequest, { 1: ["items", ITEMS, "items"] })
