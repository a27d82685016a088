/** What is said of subscriptions. */
import type { ErrorRows } from "../errors/Row.ts"

export const errors = {
  SubscriptionExists: {
    code: "HRLD-2080",
    title: "There is a subscription of that name",
    cause: "A topic has one subscription of a name at a time.",
    fix: "Use the one that is there, choose another name, or delete it first.",
    grpc: 6,
    http: 409,
    exit: 5
  },
  SubscriptionsFull: {
    code: "HRLD-2081",
    title: "The topic has too many subscriptions",
    cause: "A topic has at most 1,000 subscriptions, each with a position of its own that is kept.",
    fix: "Delete those that nobody uses; a program that only reads needs none.",
    grpc: 8,
    http: 409,
    exit: 5
  },
  SubscriptionTaken: {
    code: "HRLD-2082",
    title: "Somebody else consumes that subscription",
    cause: "It is exclusive, so it has one consumer at a time.",
    fix: "End the other one, or create a subscription of type failover, where others stand by.",
    grpc: 9,
    http: 409,
    exit: 5
  },
  NoSuchSubscription: {
    code: "HRLD-2084",
    title: "There is no such subscription",
    cause: "Nobody created a subscription of this name on the topic, or it was deleted.",
    fix: "See which there are: `herald subscription list <topic>`; create it: `herald subscription create <topic> <name>`.",
    grpc: 5,
    http: 404,
    exit: 4
  },
  SubscriptionConflict: {
    code: "HRLD-2085",
    title: "The subscription is not so that this can be done",
    cause: "It is in another state than this is for, or was changed by somebody else at the same time.",
    fix: "See how it is (`herald subscription show <topic> <name>`), and decide again.",
    grpc: 9,
    http: 409,
    exit: 5
  },
  NoSuchDeadLetter: {
    code: "HRLD-2086",
    title: "There is no such dead letter",
    cause: "Its id is of another subscription, or it was replayed or dropped already.",
    fix: "See which there are: `herald dead-letters list <topic> <subscription>`.",
    grpc: 5,
    http: 404,
    exit: 4
  },
  ConsumerReplaced: {
    code: "HRLD-2088",
    title: "Another consumer of this name took its place",
    cause: "A subscription has one consumer of a name at a time: the one that came last.",
    fix: "Give each consumer a name of its own, or none.",
    grpc: 9,
    http: 409,
    exit: 5
  },
  SubscriptionStopped: {
    code: "HRLD-2096",
    title: "The subscription is stopped",
    cause:
      "Somebody stopped it: its consumers were sent away, and none is let in. Its position, retries and dead letters stay.",
    fix: "Once it may go on: `herald subscription resume <topic> <name>`; then start its consumers.",
    grpc: 9,
    http: 409,
    exit: 5
  },
  SlowConsumer: {
    code: "HRLD-2089",
    title: "The consumer took nothing of what it was sent",
    cause: "It answers and asks faster than it reads, or reads nothing: what waited for it took too much room.",
    fix: "Read the stream while answering; what it had comes again.",
    grpc: 8,
    http: 429,
    exit: 5
  },
  ReceiptLost: {
    code: "HRLD-2083",
    title: "It is not known whether the answers were kept",
    cause:
      "What was answered was handed to another node, or the subscription's position was set anew, before it was durable. What wasn't kept comes again.",
    fix: "Go on: what comes again is told apart by its offset.",
    grpc: 10,
    http: 409,
    exit: 5
  }
} satisfies ErrorRows
