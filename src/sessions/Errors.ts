/** What is said to clients at the door and at the end of a session. */
import type { ErrorRows } from "../errors/Row.ts"

export const errors = {
  TooManySubscriptions: {
    code: "HRLD-3004",
    title: "Too many subscriptions",
    cause:
      "This principal (the name of its API keys), or this environment, has all the streams of the server that it may have; the rest is kept for others.",
    fix: "Close unused streams, add a node, or raise the setting that the message names.",
    grpc: 8,
    http: 429,
    exit: 7
  },
  Draining: {
    code: "HRLD-5001",
    title: "The server is leaving",
    cause: "It was told to stop.",
    fix: "Reconnect after the delay in the drain message.",
    grpc: 14,
    http: 503,
    exit: 7
  },
  SessionReplaced: {
    code: "HRLD-5002",
    title: "Another connection took over",
    cause: "The same instance_id subscribed again.",
    fix: "Give each process its own instance_id; otherwise nothing to do.",
    grpc: 10,
    http: 409,
    exit: 5
  },
  SessionTimedOut: {
    code: "HRLD-5003",
    title: "The client went silent",
    cause: "No ack or heartbeat came within the time-out (90 s by default).",
    fix: "Reconnect; send a heartbeat every 30 s.",
    grpc: 4,
    http: 408,
    exit: 7
  },
  SessionCrashed: {
    code: "HRLD-5004",
    title: "The session failed",
    cause: "A defect ended this session; others are not affected.",
    fix: "Reconnect, and report the server's log line.",
    grpc: 13,
    http: 500,
    exit: 7
  },
  KeyRevoked: {
    code: "HRLD-5005",
    title: "The API key was revoked or expired",
    cause: "The key that opened this stream is no longer valid.",
    fix: "Get a new key.",
    grpc: 16,
    http: 401,
    exit: 6
  },
  ServerFull: {
    code: "HRLD-5006",
    title: "The server takes no new clients",
    cause: "It is out of streams, file descriptors or memory.",
    fix: "Reconnect with backoff; add a node.",
    grpc: 8,
    http: 503,
    exit: 7
  },
  ClientUnresponsive: {
    code: "HRLD-5007",
    title: "The client does not read",
    cause: "Its transport took nothing for the time-out.",
    fix: "Reconnect.",
    grpc: 4,
    http: 408,
    exit: 7
  }
} satisfies ErrorRows
