/**
 * To whom an instance belongs. Pure; the store keeps the same rule in SQL (`herald_record`).
 *
 *   OW1  An instance belongs to the principal whose session has it. As long as that session is connected no other principal takes it, beats,
 *        answers or reports for it; once it left or timed out, the instance is free at once.
 *   OW2  In the cluster the store decides who has it: a session that lost ends with `InstanceOwned`.
 *   OW3  The same principal takes its instance over at once, by whichever of its keys: a half-open connection locks nobody out.
 */
import type { Identity } from "../access/Identity.ts"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import type { InstanceId } from "./Instance.ts"

/** principal: OW1 · shared: every key of the environment may take every instance. */
export type Ownership = "principal" | "shared"

/** The owner under which an instance of this identity is kept; "" is everybody's. */
export const ownerOf = (ownership: Ownership, identity: Identity): string =>
  ownership === "shared" ? "" : identity.name

/** Whether `other` may take, or speak for, an instance of `owner`. */
export const mayHold = (owner: string, other: string): boolean => owner === "" || other === "" || owner === other

export const owned = ({ environment, service, instance }: InstanceId): HeraldError =>
  failure("InstanceOwned", `the instance ${instance} of ${service} in ${environment} is connected by another principal`)
