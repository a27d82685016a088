/** What is said of topics and of what is published to them. */
import type { ErrorRows } from "../errors/Row.ts"

export const errors = {
  NoSuchTopic: {
    code: "HRLD-2077",
    title: "There is no such topic",
    cause: "Nobody created a topic of this name, or it was deleted.",
    fix: "See which there are: `herald topic list`; create it: `herald topic create <name>`.",
    grpc: 5,
    http: 404,
    exit: 4
  },
  OffsetOutOfRange: {
    code: "HRLD-1080",
    title: "The topic has no such place",
    cause:
      "The place to begin at is beyond the end of its partition, or of an epoch of which the partition knows nothing.",
    fix: "Begin with the id of an event that was read, with its epoch, or with latest.",
    grpc: 11,
    http: 416,
    exit: 3
  },
  ReadsBusy: {
    code: "HRLD-3071",
    title: "Too many reads wait for events",
    cause:
      "A node lets a bounded number of reads wait for events, or for statistics of topics, at once, and of one principal a quarter of those.",
    fix: "Come again after Retry-After; read events without `wait`, or by a stream, which waits for as long as it is open.",
    grpc: 8,
    http: 429,
    exit: 7
  },
  TopicDisabled: {
    code: "HRLD-2078",
    title: "Nothing is published to this topic now",
    cause: "It was disabled. What it has is read as before.",
    fix: "Enable it: `herald topic update <name> --enable`.",
    grpc: 9,
    http: 409,
    exit: 5
  },
  TopicInUse: {
    code: "HRLD-2087",
    title: "The topic is used",
    cause:
      "It has subscriptions, which would end with it, or dead letters or routed events go to it: they would wait, and the rule would be in error.",
    fix: "Delete or change those first, or say that it may be so: `herald topic delete <name> --force` (`force=true`).",
    grpc: 9,
    http: 409,
    exit: 5
  },
  TopicLogUnavailable: {
    code: "HRLD-4040",
    title: "Kafka, which holds the topic's log, can't be reached or does not do it",
    cause: "No broker answers in time, a partition has no leader, or too few replicas are in sync.",
    fix: "Try again; what was refused was not published. Look at the brokers and at KAFKA_BROKERS; other topics go on.",
    grpc: 14,
    http: 503,
    exit: 7
  },
  TopicLogBusy: {
    code: "HRLD-4044",
    title: "Too many events wait for Kafka",
    cause:
      "Kafka takes less than is published, or is away; what waits on a node is bounded to 64 MiB and 65,536 batches.",
    fix: "Wait a second and try again: nothing of this was published. When it goes on, look at Kafka's brokers.",
    grpc: 8,
    http: 503,
    exit: 7
  },
  TopicLogRefused: {
    code: "HRLD-4041",
    title: "Kafka does not let Herald do this to a topic",
    cause: "Its user lacks a right, the topic is missing or too large there, or its settings don't allow it.",
    fix: "Give the user of KAFKA_USERNAME Read, Write, Create, Delete, Alter, Describe and AlterConfigs on the topic, and Write and Describe on transactional ids that begin with herald.topics.",
    grpc: 9,
    http: 502,
    exit: 6
  },
  KafkaTopicExists: {
    code: "HRLD-4042",
    title: "Kafka has a topic of that name",
    cause:
      "The topic's name with dots instead of slashes is its name in Kafka, and a topic that Herald did not make for this one has that. Herald never changes or deletes such.",
    fix: "Choose another name; or delete the topic in Kafka, when nobody needs it, and try again.",
    grpc: 6,
    http: 409,
    exit: 5
  },
  NoKafka: {
    code: "HRLD-4043",
    title: "This Herald has no Kafka",
    cause: "A topic's log can live in Kafka only where Herald knows one.",
    fix: "Set KAFKA_BROKERS (kafka.brokers) on every node, or create the topic without `--log kafka`.",
    grpc: 9,
    http: 409,
    exit: 5
  },
  InvalidEvent: {
    code: "HRLD-1070",
    title: "An event can't be published as it is",
    cause:
      "It is larger than an event may be, is not what the topic's schema says, or has a key or headers that can't be kept.",
    fix: "Correct the event that the message names; nothing of its batch was published.",
    grpc: 3,
    http: 422,
    exit: 3
  },
  PublishingBusy: {
    code: "HRLD-3070",
    title: "Too much is being published at once",
    cause: "The bytes of events that this node publishes at the same time, of all or of one principal, are bounded.",
    fix: "Wait for the time in Retry-After, and have fewer batches under way.",
    grpc: 8,
    http: 429,
    exit: 7
  },
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
