/** Connected clients. */
import { duration, integer, oneOf } from "../settings/Form.ts"
import { setting, unset, type ValuesOf } from "../settings/Setting.ts"

export const settings = {
  sessions: {
    heartbeatInterval: setting("heartbeat.interval", "HEARTBEAT_INTERVAL", duration, 30_000),
    heartbeatTimeout: setting("heartbeat.timeout", "HEARTBEAT_TIMEOUT", duration, 90_000),
    drainSpread: setting("drain.spread", "DRAIN_SPREAD", duration, 5_000),
    /** Absent: four fifths of grpc.maxStreams. */
    maxSessionsPerIdentity: unset("limits.streamsPerIdentity", "LIMIT_STREAMS_PER_IDENTITY", integer(1, 1_000_000)),
    /** Absent: nine tenths of grpc.maxStreams. */
    maxSessionsPerEnvironment: unset(
      "limits.streamsPerEnvironment",
      "LIMIT_STREAMS_PER_ENVIRONMENT",
      integer(1, 1_000_000)
    ),
    /** Principal: an instance belongs to the principal that connects it. Shared: every key of the environment may take it. */
    ownership: setting("clients.ownership", "CLIENT_OWNERSHIP", oneOf("principal", "shared"), "principal")
  }
}

export const rule = ({ sessions }: ValuesOf<typeof settings>): string | undefined =>
  sessions.heartbeatTimeout <= sessions.heartbeatInterval
    ? "heartbeat.timeout must be longer than heartbeat.interval"
    : undefined
