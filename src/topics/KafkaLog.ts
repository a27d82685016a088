/** Port: the log of topics that live in Kafka, where this Herald has one. It keeps what `TopicLog.ts` promises; what it can't is said in decision 0039. */
import { Context } from "effect"
import type { Log, LogTopics } from "./TopicLog.ts"

export class KafkaLog extends Context.Service<KafkaLog, Log & { readonly elsewhere: LogTopics }>()(
  "herald/topics/KafkaLog"
) {}
