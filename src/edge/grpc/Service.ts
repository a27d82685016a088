/** Describes what a capability adds to the gRPC door: a service of the protocol, and what answers its calls. */
import type { Effect } from "effect"
import type { Identity, Permission } from "../../access/Identity.ts"
import type { HeraldError } from "../../errors/HeraldError.ts"
import type { Slices } from "../../work/Slices.ts"
import type { ServerCall, ServiceDefinition } from "./ServerCall.ts"

/** What the door tells of the calls that it lets in. */
export interface Admitted {
  /** G11 */
  readonly arrivals: Pick<Slices, "soon">
}

/** Serves a call that was let in. `identity`: who was authenticated when it began. G5 */
export type AdmittedHandler = (call: ServerCall, identity: Identity) => void

export interface Served {
  /** By the names that the definition has. */
  readonly handlers: Readonly<Record<string, AdmittedHandler>>
  /** Who a caller without a token is; absent, or undefined of one: nobody who may. Fails `RateLimited`. */
  readonly nobody?: (call: ServerCall) => Effect.Effect<Identity | undefined, HeraldError>
  /** Ends open calls, before the door closes. */
  readonly drain: Effect.Effect<void>
}

// biome-ignore lint/suspicious/noExplicitAny: each service needs its own services
export interface Service<R = any> {
  readonly definition: Readonly<Record<string, Pick<ServiceDefinition[string], "path">>>
  /** Its descriptors, for reflection: a file of proto/generated, without `.binpb`. */
  readonly descriptors: string
  /** Who has it in no environment is refused, by the rule, before anything of the call is read. G5 */
  readonly permission: Permission
  /** Served to clients of Connect and gRPC-Web, too; its descriptors have to be of `descriptors`. Left out: to those of gRPC alone. */
  readonly connect?: true
  /** Bytes of one message that its methods hear, where they are more than `MESSAGE_BYTES`. */
  readonly largest?: number
  readonly serve: (admitted: Admitted) => Effect.Effect<Served, never, R>
}

/** Such as `herald.distribution.v1.DistributionService`. */
export const nameOf = ({ definition }: Pick<Service, "definition">): string =>
  Object.values(definition)[0]?.path.split("/")[1] ?? ""
