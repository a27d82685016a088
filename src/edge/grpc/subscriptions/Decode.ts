/** Decodes messages of herald.topics.v1.SubscriptionManager. */
import {
  CreateSubscriptionRequest,
  DeleteSubscriptionRequest,
  GetSubscriptionRequest,
  ListSubscriptionsRequest,
  PauseRequest,
  ResumeRequest,
  SeekRequest
} from "../../../../proto/generated/herald/topics/v1/managers.ts"
import { decoderOf } from "../Decode.ts"

const decoder = decoderOf("herald.topics.v1")

export const createSubscriptionRequest = decoder(CreateSubscriptionRequest, {})
export const deleteSubscriptionRequest = decoder(DeleteSubscriptionRequest, {})
export const getSubscriptionRequest = decoder(GetSubscriptionRequest, {})
export const listSubscriptionsRequest = decoder(ListSubscriptionsRequest, {})
export const seekRequest = decoder(SeekRequest, {})
export const pauseRequest = decoder(PauseRequest, {})
export const resumeRequest = decoder(ResumeRequest, {})
