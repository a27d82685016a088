/** Makes what a node stands on: the user's PostgreSQL or the embedded one, what is in memory and in the data folder, worker threads. */
import { Effect, Layer } from "effect"
import * as Placement from "../../layers/Cluster/placement/Placement.ts"
import * as KeyHash from "../../layers/Crypto/access/KeyHash.ts"
import * as Digest from "../../layers/Crypto/values/Digest.ts"
import * as CheckpointStore from "../../layers/Files/audit/CheckpointStore.ts"
import { DataFolder } from "../../layers/Files/DataFolder.ts"
import * as KafkaLog from "../../layers/Kafka/topics/TopicLog.ts"
import * as Cache from "../../layers/Memory/configuration/Cache.ts"
import * as EphemeralLog from "../../layers/Memory/topics/EphemeralLog.ts"
import { startEmbedded } from "../../layers/Postgres/embedded/Embedded.ts"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import * as Probe from "../../layers/Webhook/owners/Probe.ts"
import * as Threads from "../../layers/Workers/work/Threads.ts"
import { SignIn } from "../access/SignIn.ts"
import { Quotas } from "../limits/Quotas.ts"
import { quotasOf } from "../limits/Rules.ts"
import type { Settings } from "../settings/Catalogue.ts"
import * as Node from "./Node.ts"

export const database = ({ database: { url, ...options } }: Pick<Settings, "database">) =>
  Layer.unwrap(
    Effect.gen(function* () {
      if (url !== undefined) return Postgres.layer({ ...options, url })
      const { path } = yield* DataFolder
      return Postgres.layer({ ...options, url: (yield* startEmbedded(path)).url })
    })
  ).pipe(Layer.provide(Node.kinds))

/** Checkpoints of the audit log, in this server's folder: never in the database with the log. */
const checkpoints = Layer.unwrap(Effect.map(DataFolder, ({ path }) => CheckpointStore.layer(path)))

/** Of topics, where there is a Kafka. */
const kafkaLog = ({ kafka, node }: Pick<Settings, "kafka" | "node">) =>
  kafka === undefined ? Layer.empty : KafkaLog.layer({ ...kafka, node })

/** Of tokens of the issuer that is trusted; its library is read where there is one. */
const verifier = ({ oidc }: Pick<Settings, "oidc">) =>
  oidc === undefined
    ? Layer.empty
    : Layer.unwrap(
        Effect.map(
          Effect.promise(() => import("../../layers/Jose/access/TokenVerifier.ts")),
          ({ layer }) => layer({ ...oidc, near: oidc.near ?? [] })
        )
      )

/** How people sign in there. */
const signIn = ({ oidc }: Pick<Settings, "oidc">) =>
  oidc?.client === undefined
    ? Layer.empty
    : Layer.succeed(SignIn, {
        ...{ issuer: oidc.issuer, client: oidc.client, scope: oidc.scope, audience: oidc.audience }
      })

/** What environments may hold, for the stores and for whoever asks. */
export const quotas = ({ quotas, access }: Pick<Settings, "quotas" | "access">) =>
  Layer.succeed(Quotas, quotasOf({ keys: quotas.keysPerEnvironment, bytes: quotas.bytesPerEnvironment }, access.limits))

export const stores = (
  settings: Pick<
    Settings,
    "database" | "cache" | "node" | "rollouts" | "topics" | "kafka" | "oidc" | "quotas" | "access"
  >,
  run: string
) =>
  Layer.mergeAll(
    Layer.merge(Placement.layer({ run, node: settings.node }), kafkaLog(settings)).pipe(
      Layer.provideMerge(database(settings))
    ),
    checkpoints,
    Cache.layer(settings.cache),
    EphemeralLog.layer(settings.topics.ephemeral),
    Digest.layer,
    Threads.layer(),
    Probe.layer({ near: settings.rollouts.near ?? [] }),
    verifier(settings),
    signIn(settings),
    KeyHash.layer
  ).pipe(Layer.provideMerge(quotas(settings)))
