/** What runs for topics, their subscriptions and market data on them: use cases, what a node knows of them, and readers, on logs whose appends are heard at once. */
import { Layer } from "effect"
import * as Sampling from "../distribution/Sampling.ts"
import { Statistics } from "../distribution/Statistics.ts"
import * as StatisticsRetention from "../distribution/StatisticsRetention.ts"
import { Fanout } from "../fanout/Fanout.ts"
import { HeardLogs } from "../fanout/HeardLogs.ts"
import { MarketStreams } from "../marketdata/MarketStreams.ts"
import * as Projectors from "../marketdata/Projectors.ts"
import * as Notices from "../noticeboard/Notices.ts"
import * as Routing from "../routes/Routing.ts"
import { RoutingRules } from "../routes/RoutingRules.ts"
import type { Settings } from "../settings/Catalogue.ts"
import { ConsumerConnections } from "../subscriptions/ConsumerConnections.ts"
import { Consuming } from "../subscriptions/Consuming.ts"
import { DeadLetters } from "../subscriptions/DeadLetters.ts"
import * as Posting from "../subscriptions/Posting.ts"
import { Subscriptions } from "../subscriptions/Subscriptions.ts"
import { Activity } from "../topics/Activity.ts"
import { ephemeralKeeping } from "../topics/EphemeralKeeping.ts"
import { KnownTopics } from "../topics/KnownTopics.ts"
import { Logs } from "../topics/Logs.ts"
import { Publishing } from "../topics/Publishing.ts"
import { Reading } from "../topics/Reading.ts"
import { Topics } from "../topics/Topics.ts"
import { TopicUsers } from "../topics/TopicUsers.ts"

export const topicServices = ({
  topics,
  fanout,
  marketData,
  statistics,
  node = "",
  run = crypto.randomUUID()
}: Pick<Settings, "topics" | "fanout" | "marketData" | "statistics"> & {
  readonly run?: string
  readonly node?: string
}) =>
  Layer.mergeAll(
    Statistics.layer(statistics).pipe(Layer.provideMerge(Topics.layer)),
    ephemeralKeeping,
    Subscriptions.layer,
    DeadLetters.layer,
    ConsumerConnections.layer().pipe(
      Layer.provideMerge(Consuming.layer({ run })),
      Layer.provide(Sampling.layer({ run, ...statistics }))
    ),
    Posting.layer({ run }),
    Notices.layer({ run, node }),
    RoutingRules.layer,
    Routing.layer(topics),
    Reading.layer(topics),
    MarketStreams.layer(marketData).pipe(Layer.provideMerge(Fanout.layer(fanout))),
    Projectors.layer(marketData),
    StatisticsRetention.layer({ run, ...statistics })
  ).pipe(
    Layer.provideMerge(Publishing.layer(topics)),
    Layer.provideMerge(Layer.mergeAll(KnownTopics.layer, Activity.layer, TopicUsers.layer, Logs.layer)),
    Layer.provideMerge(HeardLogs.layer)
  )
