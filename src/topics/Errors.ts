/** What is said of topics and of what is published to them. */
import type { ErrorRows } from "../errors/Row.ts"

export const errors = {
  TopicExists: {
    code: "HRLD-2070",
    title: "There is a topic of that name",
    cause: "A name is one topic's at a time.",
    fix: "Use the topic that is there, choose another name, or delete it first.",
    grpc: 6,
    http: 409,
    exit: 5
  },
  TopicConflict: {
    code: "HRLD-2071",
    title: "The topic was changed by somebody else",
    cause: "The change was meant for a version of the topic that is not its newest.",
    fix: "Read the topic, and decide again.",
    grpc: 10,
    http: 409,
    exit: 5
  },
  TopicsFull: {
    code: "HRLD-2072",
    title: "There are too many topics or partitions",
    cause: "One Herald has at most 10,000 topics and 50,000 partitions.",
    fix: "Delete topics that nobody uses, or give them fewer partitions; keys tell apart what is of one sort.",
    grpc: 8,
    http: 409,
    exit: 5
  },
  ProducersFull: {
    code: "HRLD-2073",
    title: "The topic has too many producers",
    cause:
      "A topic remembers at most 10,000 producers. One is forgotten seven days after it was last heard of, or when the topic keeps its events no longer.",
    fix: "Give each producing program one id that it keeps, not one for each start.",
    grpc: 8,
    http: 409,
    exit: 5
  },
  ProducerFenced: {
    code: "HRLD-2074",
    title: "The producer was opened by somebody else",
    cause: "Whoever opens a producer's id ends what had it before, so that nothing is published twice.",
    fix: "Where two programs should publish, give each an id of its own; where one took the other's place, end the old one.",
    grpc: 9,
    http: 409,
    exit: 5
  },
  SequenceGap: {
    code: "HRLD-2075",
    title: "Events of the producer are missing",
    cause:
      "A producer's events are counted by partition, from 1 without gaps; this batch begins further on than the newest that came.",
    fix: "Send what is missing first. The answer to opening the producer says how far each partition has come.",
    grpc: 9,
    http: 409,
    exit: 5
  },
  UnknownProducer: {
    code: "HRLD-2076",
    title: "The producer is not known",
    cause:
      "It was never opened for this topic, or not heard of for so long that what it published can't be told from what is new.",
    fix: "Open it. Before anything is sent again, find out whether it is in the topic.",
    grpc: 9,
    http: 409,
    exit: 5
  }
} satisfies ErrorRows
