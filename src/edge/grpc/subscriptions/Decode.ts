/** Decodes messages of herald.topics.v1.SubscriptionManager. */
import {
  CreateSubscriptionRequest,
  DeleteSubscriptionRequest,
  GetSubscriptionRequest,
  ListRetryingRequest,
  ListSubscriptionsRequest,
  PauseRequest,
  ResumeRequest,
  SeekRequest,
  StopSubscriptionRequest,
  UpdateSubscriptionRequest
} from "../../../../proto/generated/herald/topics/v1/managers.ts"
import { decoderOf } from "../Decode.ts"

const decoder = decoderOf("herald.topics.v1")

export const createSubscriptionRequest = decoder(CreateSubscriptionRequest, {})
export const updateSubscriptionRequest = decoder(UpdateSubscriptionRequest, {})
export const listRetryingRequest = decoder(ListRetryingRequest, {})
export const deleteSubscriptionRequest = decoder(DeleteSubscriptionRequest, {})
export const getSubscriptionRequest = decoder(GetSubscriptionRequest, {})
export const listSubscriptionsRequest = decoder(ListSubscriptionsRequest, {})
export const seekRequest = decoder(SeekRequest, {})
export const pauseRequest = decoder(PauseRequest, {})
export const stopSubscriptionRequest = decoder(StopSubscriptionRequest, {})
export const resumeRequest = decoder(ResumeRequest, {})
