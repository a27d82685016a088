/** Describes what a capability adds to the gRPC door: a service of the protocol, and what answers its calls. */
import type { Metadata, ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js"
import type { Effect } from "effect"
import type { Identity, Permission } from "../../access/Identity.ts"
import type { Slices } from "../../work/Slices.ts"
import type { Line } from "./Line.ts"

/** What the door tells of the calls that it let in. */
export interface Admitted {
  /** Who was authenticated when the call began. G5 */
  readonly identityOf: (metadata: Metadata) => Identity | undefined
  /** G12 */
  readonly lineOf?: (metadata: Metadata) => Line | undefined
  /** G11 */
  readonly arrivals: Pick<Slices, "soon">
}

export interface Served {
  /** As grpc-js wants them, except that they get bytes for messages: see Decode.ts. */
  readonly handlers: UntypedServiceImplementation
  /** Ends open calls, before the door closes. */
  readonly drain: Effect.Effect<void>
}

// biome-ignore lint/suspicious/noExplicitAny: each service needs its own services
export interface Service<R = any> {
  readonly definition: ServiceDefinition
  /** Its descriptors, for reflection: a file of proto/generated, without `.binpb`. */
  readonly descriptors: string
  /** Who has it in no environment is refused before anything of the call is read: "<name> is a <role> and <without>". G5 */
  readonly permission: Permission
  readonly without: string
  readonly serve: (admitted: Admitted) => Effect.Effect<Served, never, R>
}

/** Such as `herald.distribution.v1.DistributionService`. */
export const nameOf = ({ definition }: Pick<Service, "definition">): string =>
  Object.values(definition)[0]?.path.split("/")[1] ?? ""
