/** What is said of instances. */
import type { ErrorRows } from "../errors/Row.ts"

export const errors = {
  NodeLost: {
    code: "HRLD-5008",
    title: "The client's node died",
    cause:
      "The node that had this client gave no sign of life for the heartbeat's time-out, and the client has not come back elsewhere.",
    fix: "Look for the node; a client that lives connects to another node by itself.",
    grpc: 14,
    http: 503,
    exit: 7
  },
  InstanceOwned: {
    code: "HRLD-5009",
    title: "The instance belongs to another principal",
    cause:
      "A session of another principal (the name of an API key) has this instance, so nobody else may connect as it or speak for it.",
    fix: "Give each instance a name of its own, or use a key of the principal that `herald clients` shows; it is free once that one leaves.",
    grpc: 9,
    http: 409,
    exit: 5
  },
  InstanceNotConnected: {
    code: "HRLD-5010",
    title: "The instance is not connected",
    cause: "Health is reported for instances that are connected, and no session has this one.",
    fix: "Subscribe first, with the same service_name, instance_id and environment.",
    grpc: 9,
    http: 409,
    exit: 5
  }
} satisfies ErrorRows
