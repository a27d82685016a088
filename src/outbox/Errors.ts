/** What is said of the event log. */
import type { ErrorRows } from "../errors/Row.ts"

export const errors = {
  EventLogUnavailable: {
    code: "HRLD-4010",
    title: "The event log does not take events",
    cause: "Kafka is down, hung or refuses this server, or another node has taken the relay over.",
    fix: "Nothing is lost: configuration events wait in the database. Check KAFKA_BROKERS, the brokers and the topic.",
    grpc: 14,
    http: 503,
    exit: 7
  }
} satisfies ErrorRows
