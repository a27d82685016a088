/**
 * What of the generated protocol of configuration the SDK needs in a browser, where it is taken in its place: the rest of it stands on gRPC, which browsers
 * have not. The field `browser` of packages/client/package.json says so to bundlers.
 *
 *   XW1  Each name has the value that the protocol gives it, and each message its defaults.
 */
import type * as Proto from "../../proto/generated/herald/distribution/v1/distribution.ts"

export const AckOutcome = {
  ACK_OUTCOME_UNSPECIFIED: 0,
  ACK_OUTCOME_APPLIED: 1,
  ACK_OUTCOME_REJECTED: 2,
  UNRECOGNIZED: -1
} as const satisfies typeof Proto.AckOutcome

export const UpdateKind = {
  UPDATE_KIND_VALUE: 0,
  UPDATE_KIND_DELETED: 1,
  UPDATE_KIND_SYNCED: 2,
  UPDATE_KIND_HEARTBEAT: 3,
  UPDATE_KIND_DRAIN: 4,
  UPDATE_KIND_PROBLEM: 5,
  UNRECOGNIZED: -1
} as const satisfies typeof Proto.UpdateKind

export const Health = {
  HEALTH_UNSPECIFIED: 0,
  HEALTH_HEALTHY: 1,
  HEALTH_DEGRADED: 2,
  HEALTH_UNHEALTHY: 3,
  UNRECOGNIZED: -1
} as const satisfies typeof Proto.Health

export const SubscribeRequest = {
  fromPartial: (given: Partial<Proto.SubscribeRequest>): Proto.SubscribeRequest => ({
    ...{ serviceName: "", instanceId: "", version: 0n, metadata: {}, environment: "", keys: [], position: undefined },
    ...{ held: [], acceptsDelta: false, control: false, acks: [], heartbeat: false, heldMore: false },
    ...given
  })
}

export const ReportHealthRequest = {
  fromPartial: (given: Partial<Proto.ReportHealthRequest>): Proto.ReportHealthRequest => ({
    ...{
      serviceName: "",
      instanceId: "",
      environment: "",
      revision: 0n,
      health: 0,
      message: "",
      metrics: {},
      epoch: ""
    },
    ...given
  })
}
