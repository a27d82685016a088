/** The composition root: reads the settings, picks Layers, runs until it is told to stop. */

import { randomUUID } from "node:crypto"
import { createRequire } from "node:module"
import { parseArgs } from "node:util"
import { NodeRuntime } from "@effect/platform-node"
import { Cause, Context, Effect, Exit, Layer, type Redacted } from "effect"
import * as KeyHash from "../layers/Crypto/access/KeyHash.ts"
import * as Digests from "../layers/Crypto/values/Digest.ts"
import * as CheckpointFile from "../layers/Files/access/CheckpointStore.ts"
import { DataFolder } from "../layers/Files/DataFolder.ts"
import { resolve, type SettingsShape } from "../layers/Files/Settings.ts"
import { connectionsFor, GrpcServer } from "../layers/Grpc/GrpcServer.ts"
import * as HttpServer from "../layers/Http/HttpServer.ts"
import type { KafkaOptions } from "../layers/Kafka/connection/Connection.ts"
import * as DeadLetters from "../layers/Kafka/consumers/DeadLetters.ts"
import * as EventGroups from "../layers/Kafka/consumers/EventGroups.ts"
import * as EventLog from "../layers/Kafka/outbox/EventLog.ts"
import * as KafkaLane from "../layers/Kafka/propagation/HintLane.ts"
import * as MemoryCache from "../layers/Memory/propagation/Cache.ts"
import { startEmbedded } from "../layers/Postgres/embedded/Embedded.ts"
import * as Postgres from "../layers/Postgres/Postgres.ts"
import * as Redis from "../layers/Redis/Redis.ts"
import * as Statsd from "../layers/Statsd/Statsd.ts"
import * as Loop from "../layers/Telemetry/Loop.ts"
import * as Telemetry from "../layers/Telemetry/Telemetry.ts"
import * as WebhookPost from "../layers/Webhook/webhooks/WebhookPost.ts"
import * as Threads from "../layers/Workers/work/Threads.ts"
import { Access } from "./access/Access.ts"
import * as AuditGroup from "./consumers/AuditGroup.ts"
import { serve } from "./edge/http/Http.ts"
import { failure, type HeraldError } from "./errors/HeraldError.ts"
import { dialable, formatAddress } from "./net/Address.ts"
import * as Node from "./node/Node.ts"
import * as ClientEvents from "./outbox/ClientEvents.ts"
import * as Relay from "./outbox/Relay.ts"
import * as Retention from "./retention/Retention.ts"
import { services } from "./Services.ts"
import * as PerNode from "./telemetry/PerNode.ts"
import * as Webhooks from "./webhooks/Webhooks.ts"

const { version } = createRequire(import.meta.url)("../package.json") as { readonly version: string }

const HELP = `Herald ${version}: pushes versioned configuration to every connected client.

  npm start [-- flags]      or      npx herald start [-- flags]

  --data <folder>     where the server keeps its data; HERALD_DATA, otherwise .herald
  --config <file>     settings in YAML; HERALD_CONFIG
  --recover-admin     makes an admin's key and ends: the way back in when no token of an admin is left (docs/security.md)
  --help, --version

Settings come from the environment, then the file, then their defaults: HTTP_HOST HTTP_PORT GRPC_HOST GRPC_PORT DATABASE_URL
HERALD_PEPPER LOG_FORMAT LOG_LEVEL and more: docs/settings.md. Ctrl-C stops the server and everything it started.
`

const readArguments = Effect.try({
  try: () =>
    parseArgs({
      options: {
        data: { type: "string" },
        config: { type: "string" },
        "recover-admin": { type: "boolean" },
        help: { type: "boolean" },
        version: { type: "boolean" }
      }
    }).values,
  catch: (cause) => failure("SettingsInvalid", `${(cause as Error).message.split(". ")[0]}; --help lists the flags`)
})

/** The stores: a PostgreSQL of the user's, or the embedded one. */
const storesOf = (settings: SettingsShape) => {
  const replica =
    settings.databaseReplicaUrl === undefined
      ? undefined
      : { url: settings.databaseReplicaUrl, wait: settings.databaseReplicaWait }
  const stores = (url: Redacted.Redacted) =>
    Postgres.layer({
      url,
      connections: {
        reads: settings.databaseReads,
        writes: settings.databaseWrites,
        other: settings.databaseOther
      },
      acquireTimeout: settings.databaseAcquireTimeout,
      statementTimeout: settings.databaseStatementTimeout,
      replica,
      notify: settings.notify === "on"
    })
  return settings.databaseUrl !== undefined
    ? stores(settings.databaseUrl)
    : Layer.unwrap(
        Effect.gen(function* () {
          const folder = yield* DataFolder
          return stores((yield* startEmbedded(folder.path)).url)
        })
      )
}

/** What nodes share besides the database. */
const sharedOf = ({ redisUrl: url, redisMode: mode, redisSentinelName: sentinelName, redisTimeout }: SettingsShape) =>
  url === undefined ? Layer.empty : Redis.layer({ url, mode, sentinelName, timeout: redisTimeout })

const kafkaOf = ({ kafkaBrokers: brokers, kafkaTopic, kafkaTls, kafkaUsername, kafkaPassword, node }: SettingsShape) =>
  brokers === undefined
    ? undefined
    : { brokers, topic: kafkaTopic, tls: kafkaTls === "on", username: kafkaUsername, password: kafkaPassword, node }

const webhooksOf = (settings: SettingsShape, run: string) => {
  const {
    webhookUrls: urls,
    webhookSecret: secret,
    webhookPreviousSecret: previousSecret,
    webhookKeys: keys
  } = settings
  return urls === undefined || secret === undefined
    ? Layer.empty
    : Webhooks.layer({ run, urls, secret, previousSecret, keys }).pipe(
        Layer.provide(
          WebhookPost.layer({
            timeout: settings.webhookTimeout,
            allowPrivate: settings.webhookPrivate === "allowed"
          })
        )
      )
}

/** What consumes the topic. */
const groupsOf = (settings: SettingsShape, run: string, kafka: KafkaOptions | undefined) =>
  kafka === undefined
    ? Layer.empty
    : Layer.merge(settings.kafkaAudit === "on" ? AuditGroup.layer : Layer.empty, webhooksOf(settings, run)).pipe(
        Layer.provide(Layer.merge(EventGroups.layer(kafka), DeadLetters.layer(kafka)))
      )

/** Of the audit log, in the folder of this server: never with the log. */
const checkpoints = Layer.unwrap(Effect.map(DataFolder, ({ path }) => CheckpointFile.layer(path)))

const servicesOf = (settings: SettingsShape, pepper: Redacted.Redacted | string) => {
  /** This life of this process, as the other nodes know it. */
  const run = randomUUID()
  const kafka = kafkaOf(settings)
  const eventLog = kafka === undefined ? undefined : EventLog.layer(kafka)
  const lanes =
    kafka === undefined || settings.kafkaHints === "off"
      ? sharedOf(settings)
      : KafkaLane.layer(kafka).pipe(Layer.provideMerge(sharedOf(settings)))
  const relay =
    eventLog === undefined ? Layer.empty : Relay.layer({ run, ...Relay.relayDefaults }).pipe(Layer.provide(eventLog))
  const clientEvents =
    eventLog === undefined ? Layer.empty : ClientEvents.layer({ node: settings.node }).pipe(Layer.provide(eventLog))
  const retention = Retention.layer({ run, keepMillis: settings.retention, keepAtLeast: settings.retentionAtLeast })
  return Layer.mergeAll(relay, retention, groupsOf(settings, run, kafka)).pipe(
    Layer.provideMerge(services({ ...settings, pepper, run })),
    Layer.provide(Layer.mergeAll(lanes, clientEvents, Loop.layer)),
    Layer.provideMerge(
      Layer.mergeAll(
        storesOf(settings),
        checkpoints,
        MemoryCache.layer({ maxBytes: settings.cacheBytes }),
        Digests.layer,
        Threads.layer(),
        KeyHash.layer
      )
    )
  )
}

const doorsOf = (settings: SettingsShape) => {
  const { httpHost, httpPort, httpMaxConnections, grpcHost, grpcPort, maxStreams } = settings
  const { connectionsPerAddress, exemptAddresses: exempt } = settings
  const half = (all: number) => connectionsPerAddress ?? Math.ceil(all / 2)
  const http = { maxConnections: httpMaxConnections, perAddress: half(httpMaxConnections), exempt }
  const grpc = { maxStreams, perAddress: half(connectionsFor(maxStreams)), exempt }
  return Layer.mergeAll(
    serve(Node.http).pipe(Layer.provideMerge(HttpServer.layer({ host: httpHost, port: httpPort, ...http }))),
    GrpcServer.layer({ host: grpcHost, port: grpcPort, ...grpc }, Node.grpc)
  )
}

const say = (text: string) => Effect.sync(() => void process.stdout.write(text))

const welcome = (settings: SettingsShape, http: string, grpc: string, folder: string, token: string | undefined) => `
  Herald ${version} is serving

    HTTP   ${http}        API reference at ${http}/docs
    gRPC   ${grpc}               herald.distribution.v1.DistributionService, reflection is on
    Data   ${folder}
    ${settings.databaseUrl === undefined ? "PostgreSQL 18, embedded: for development, NOT for production. Set DATABASE_URL to a PostgreSQL of your own." : "PostgreSQL as DATABASE_URL says"}
${token === undefined ? "" : `\n  Admin token, shown once and kept in ${folder}/admin-token (the CLI on this machine finds it):\n\n    ${token}\n`}
  Next, in another terminal:

    npx herald subscribe user-service --env production
    npx herald publish user-service '{"feature":{"x":true}}' --env production --type json --message "why"
    npx herald clients

  Ctrl-C stops everything.
`

const run = Effect.fnUntraced(function* (settings: SettingsShape) {
  const folder = yield* DataFolder
  const { pepper } = settings
  const context = yield* Layer.build(servicesOf(settings, pepper ?? (yield* folder.pepper)))
  // Before a door is open: who is told that the server is ready finds the token. A5
  const token = yield* Effect.provideContext(
    Effect.flatMap(Access, ({ bootstrap }) => bootstrap),
    context
  )
  if (token !== undefined) yield* folder.keepAdminToken(token)
  const doors = yield* Layer.build(doorsOf(settings).pipe(Layer.provide(Layer.succeedContext(context))))
  const at = (host: string, port: number) => formatAddress({ host: dialable(host), port })
  const http = `http://${at(settings.httpHost, yield* Effect.provideContext(HttpServer.boundPort, doors))}`
  const grpc = at(settings.grpcHost, Context.get(doors, GrpcServer).port)
  yield* Effect.acquireRelease(folder.announce({ http, grpc }), () => folder.retract)
  yield* say(welcome(settings, http, grpc, folder.path, token))
  return yield* Effect.never
}, Effect.scoped)

/** A6. With the pepper and the database of the nodes: one that was just made would make a key that nobody takes. */
const recover = Effect.fnUntraced(function* (settings: SettingsShape) {
  const folder = yield* DataFolder
  const pepper = settings.pepper ?? (yield* folder.keptPepper)
  if (pepper === undefined)
    return yield* failure("SettingsInvalid", `there is no pepper in ${folder.path}: give the nodes' folder with --data`)
  const access = Access.layer({ pepper, ratePerSecond: settings.ratePerSecond, burst: settings.rateBurst })
  const token = yield* Effect.flatMap(Access, (it) => it.recover).pipe(
    Effect.provide(access.pipe(Layer.provide([storesOf(settings), KeyHash.layer])))
  )
  const path = yield* folder.keepAdminToken(token)
  yield* say(`
  A new admin key of recovered-admin, shown once and kept in ${path}:

    ${token}

  The audit log tells of it. Revoke the keys that were lost: herald key list, herald key revoke <id>
`)
}, Effect.scoped)

/** What a person reads when the server can't start. Returns the exit code. */
const explain = ({ code, row, message }: HeraldError): number => {
  process.stderr.write(
    `
Herald can't start: ${row.title} (${code})
  what  ${message}
  why   ${row.cause}
  fix   ${row.fix}

`
  )
  return row.exit
}

const program = Effect.gen(function* () {
  const { help, version: wantsVersion, data, config, "recover-admin": recovers } = yield* readArguments
  if (help === true) return yield* say(HELP)
  if (wantsVersion === true)
    return yield* say(`${version}
`)
  const { values: settings, warnings } = yield* resolve({ env: process.env, configFile: config, dataDir: data })
  const { statsdHost, statsdPort: port, statsdTags: tags } = settings
  const statsd =
    statsdHost === undefined ? Layer.empty : Statsd.layer({ host: statsdHost, port, tags, node: settings.node })
  const { logFormat: format, logLevel: level, otlpEndpoint, sampleRatio, node, dataDir, deployment } = settings
  const warn = Effect.forEach(warnings, (warning) => Effect.logWarning(warning), { discard: true })
  return yield* Effect.andThen(warn, recovers === true ? recover(settings) : run(settings)).pipe(
    Effect.provide(Layer.merge(DataFolder.layer(dataDir), statsd)),
    Effect.provide(Telemetry.layer({ format, level, otlpEndpoint, sampleRatio, node, version, deployment })),
    Effect.provide(PerNode.layer)
  )
}).pipe(
  Effect.as(0),
  Effect.catch((error) => Effect.sync(() => explain(error)))
)

/** Told to stop and stopped: that is success. */
NodeRuntime.runMain(program, {
  teardown: (exit, end) =>
    end(Exit.isSuccess(exit) ? (exit.value as number) : Cause.hasInterruptsOnly(exit.cause) ? 0 : 1)
})
