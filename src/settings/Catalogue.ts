/**
 * Every setting: its name in the environment, its place in the file, what it may be, its default. Pure.
 *
 *   SC1  Connections with TLS (rediss://, KAFKA_TLS, sslmode=require and above) trust the authorities that Node knows and those of
 *        NODE_EXTRA_CA_CERTS, nothing else, and check the server's name.
 *   SC2  A Redis, Kafka or PostgreSQL that refuses this server, or is refused, is named in the log with the reason and without a password.
 *   Q1  Each setting has both a name in the environment and a place in the file; the environment wins.
 */
import type * as Redacted from "effect/Redacted"
import {
  duration,
  host,
  hosts,
  httpUrl,
  integer,
  type Kind,
  networks,
  oneOf,
  patterns,
  postgresUrl,
  ratio,
  receivers,
  redisUrl,
  secret,
  signingSecret,
  text
} from "./Kind.ts"

const setting = <A, B = A>(path: string, env: string, kind: Kind<A>, fallback: B) => ({ path, env, kind, fallback })

/** Q1: the whole list. */
export const catalogue = {
  httpHost: setting("http.host", "HTTP_HOST", host, "127.0.0.1"),
  httpPort: setting("http.port", "HTTP_PORT", integer(0, 65_535), 8080),
  /** Connections that the HTTP door takes. */
  httpMaxConnections: setting("http.maxConnections", "HTTP_MAX_CONNECTIONS", integer(1, 1_000_000), 2_000),
  grpcHost: setting("grpc.host", "GRPC_HOST", host, "127.0.0.1"),
  grpcPort: setting("grpc.port", "GRPC_PORT", integer(0, 65_535), 50_051),
  /** Streams that this server takes, over all connections. */
  maxStreams: setting("grpc.maxStreams", "GRPC_MAX_STREAMS", integer(1, 1_000_000), 1_000),
  dataDir: setting("dataDir", "HERALD_DATA", text, ".herald"),
  /** Without a setting the loader gives the host's name. */
  node: setting("node", "HERALD_NODE", text, "localhost"),
  /** Absent: the embedded PostgreSQL in the data folder. */
  databaseUrl: setting<Redacted.Redacted, undefined | Redacted.Redacted>(
    "database.url",
    "DATABASE_URL",
    postgresUrl,
    undefined
  ),
  /** Connections of each pool; one more listens for other nodes' commits. */
  databaseReads: setting("database.pool.reads", "DATABASE_POOL_READS", integer(1, 500), 10),
  databaseWrites: setting("database.pool.writes", "DATABASE_POOL_WRITES", integer(1, 500), 4),
  databaseOther: setting("database.pool.other", "DATABASE_POOL_OTHER", integer(1, 500), 10),
  databaseAcquireTimeout: setting("database.acquireTimeout", "DATABASE_ACQUIRE_TIMEOUT", duration, 2_000),
  databaseStatementTimeout: setting("database.statementTimeout", "DATABASE_STATEMENT_TIMEOUT", duration, 10_000),
  /** Absent: every read is the primary's. */
  databaseReplicaUrl: setting<Redacted.Redacted, undefined | Redacted.Redacted>(
    "database.replicaUrl",
    "DATABASE_REPLICA_URL",
    postgresUrl,
    undefined
  ),
  databaseReplicaWait: setting("database.replicaWait", "DATABASE_REPLICA_WAIT", duration, 50),
  /** Shared by all nodes on one database. Absent: a file in the data folder. */
  pepper: setting<Redacted.Redacted, undefined | Redacted.Redacted>("pepper", "HERALD_PEPPER", secret, undefined),
  heartbeatInterval: setting("heartbeat.interval", "HEARTBEAT_INTERVAL", duration, 30_000),
  heartbeatTimeout: setting("heartbeat.timeout", "HEARTBEAT_TIMEOUT", duration, 90_000),
  drainSpread: setting("drain.spread", "DRAIN_SPREAD", duration, 5_000),
  pollInterval: setting("propagation.pollInterval", "POLL_INTERVAL", duration, 500),
  staleAfter: setting("propagation.staleAfter", "STALE_AFTER", duration, 3_000),
  cacheBytes: setting("cache.maxBytes", "CACHE_MAX_BYTES", integer(1_048_576, 2 ** 40), 268_435_456),
  /** Off: only the other lanes and the poll tell nodes of each other's commits. */
  notify: setting("propagation.notify", "HINTS_NOTIFY", oneOf("on", "off"), "on"),
  /** Absent: no shared cache, and no lane over Redis. */
  redisUrl: setting<Redacted.Redacted, undefined | Redacted.Redacted>("redis.url", "REDIS_URL", redisUrl, undefined),
  redisMode: setting("redis.mode", "REDIS_MODE", oneOf("single", "sentinel", "cluster"), "single"),
  redisSentinelName: setting("redis.sentinelName", "REDIS_SENTINEL_NAME", text, "mymaster"),
  redisTimeout: setting("redis.timeout", "REDIS_TIMEOUT", duration, 50),
  /** Absent: no events are published. */
  kafkaBrokers: setting<ReadonlyArray<string>, undefined | ReadonlyArray<string>>(
    "kafka.brokers",
    "KAFKA_BROKERS",
    hosts,
    undefined
  ),
  kafkaTopic: setting("kafka.topic", "KAFKA_TOPIC", text, "config.updates"),
  kafkaTls: setting("kafka.tls", "KAFKA_TLS", oneOf("on", "off"), "off"),
  kafkaUsername: setting<string, string | undefined>("kafka.username", "KAFKA_USERNAME", text, undefined),
  kafkaPassword: setting<Redacted.Redacted, undefined | Redacted.Redacted>(
    "kafka.password",
    "KAFKA_PASSWORD",
    secret,
    undefined
  ),
  /** Off: the topic is not used to hear of other nodes' commits. */
  kafkaHints: setting("kafka.hints", "KAFKA_HINTS", oneOf("on", "off"), "on"),
  /** Off: clients that come and go are in the topic, and not in the audit log. */
  kafkaAudit: setting("kafka.audit", "KAFKA_AUDIT", oneOf("on", "off"), "on"),
  /** Absent: no webhooks. Needs Kafka, which is what they are made from. */
  webhookUrls: setting<Redacted.Redacted<ReadonlyArray<string>>, undefined | Redacted.Redacted<ReadonlyArray<string>>>(
    "webhook.urls",
    "WEBHOOK_URLS",
    receivers,
    undefined
  ),
  webhookSecret: setting<Redacted.Redacted, undefined | Redacted.Redacted>(
    "webhook.secret",
    "WEBHOOK_SECRET",
    signingSecret,
    undefined
  ),
  /** Signs beside the other, while receivers change over. */
  webhookPreviousSecret: setting<Redacted.Redacted, undefined | Redacted.Redacted>(
    "webhook.previousSecret",
    "WEBHOOK_PREVIOUS_SECRET",
    signingSecret,
    undefined
  ),
  /** The critical keys: their changes are told. */
  webhookKeys: setting<ReadonlyArray<string>>("webhook.keys", "WEBHOOK_KEYS", patterns, ["*"]),
  /** Allowed: receivers may be on this machine or in its network, and over http. */
  webhookPrivate: setting("webhook.private", "WEBHOOK_PRIVATE", oneOf("refused", "allowed"), "refused"),
  webhookTimeout: setting("webhook.timeout", "WEBHOOK_TIMEOUT", duration, 10_000),
  retention: setting("retention.time", "RETENTION_TIME", duration, 7 * 86_400_000),
  retentionAtLeast: setting("retention.atLeast", "RETENTION_AT_LEAST", integer(1, 1_000_000_000), 10_000),
  ratePerSecond: setting("limits.requestsPerSecond", "LIMIT_REQUESTS_PER_SECOND", integer(1, 1_000_000), 5_000),
  rateBurst: setting("limits.burst", "LIMIT_BURST", integer(1, 1_000_000), 10_000),
  /** Absent: four fifths of grpc.maxStreams. */
  maxStreamsPerIdentity: setting<number, undefined | number>(
    "limits.streamsPerIdentity",
    "LIMIT_STREAMS_PER_IDENTITY",
    integer(1, 1_000_000),
    undefined
  ),
  /** Absent: nine tenths of grpc.maxStreams. */
  maxStreamsPerEnvironment: setting<number, undefined | number>(
    "limits.streamsPerEnvironment",
    "LIMIT_STREAMS_PER_ENVIRONMENT",
    integer(1, 1_000_000),
    undefined
  ),
  /** Principal: an instance belongs to the principal that connects it. Shared: every key of the environment may take it. */
  ownership: setting("clients.ownership", "CLIENT_OWNERSHIP", oneOf("principal", "shared"), "principal"),
  /** Absent: half of what each door takes. */
  connectionsPerAddress: setting<number, undefined | number>(
    "limits.connectionsPerAddress",
    "LIMIT_CONNECTIONS_PER_ADDRESS",
    integer(1, 1_000_000),
    undefined
  ),
  /** Many share them, as behind a proxy: they are limited in all, not by address. */
  exemptAddresses: setting<ReadonlyArray<string>>("limits.exemptAddresses", "LIMIT_EXEMPT_ADDRESSES", networks, [
    "127.0.0.0/8",
    "::1"
  ]),
  logFormat: setting("log.format", "LOG_FORMAT", oneOf("auto", "json", "pretty"), "auto"),
  logLevel: setting("log.level", "LOG_LEVEL", oneOf("debug", "info", "warn", "error"), "info"),
  /** Absent: nothing is sent to StatsD. */
  statsdHost: setting<string, string | undefined>("statsd.host", "STATSD_HOST", host, undefined),
  statsdPort: setting("statsd.port", "STATSD_PORT", integer(1, 65_535), 8_125),
  statsdTags: setting("statsd.tags", "STATSD_TAGS", oneOf("none", "dogstatsd"), "none"),
  /** Absent: traces, metrics and logs are not sent by OTLP. */
  otlpEndpoint: setting<string, string | undefined>("otlp.endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT", httpUrl, undefined),
  /** The part of all traces that is exported; spans that failed always are. */
  sampleRatio: setting("otlp.sampleRatio", "OTEL_TRACES_SAMPLER_ARG", ratio, 1),
  /** The resource attribute deployment.environment.name, such as "production". Absent: OTEL_RESOURCE_ATTRIBUTES may have it. */
  deployment: setting<string, string | undefined>("otlp.deployment", "DEPLOYMENT_ENVIRONMENT", text, undefined)
}

type Catalogue = typeof catalogue
type ValueOf<S> = S extends { readonly kind: Kind<infer A>; readonly fallback: infer B }
  ? A | (undefined extends B ? undefined : never)
  : never
export type SettingName = keyof Catalogue
export type SettingsShape = { readonly [Name in SettingName]: ValueOf<Catalogue[Name]> }

export interface Setting {
  readonly path: string
  readonly env: string
  readonly kind: Kind<unknown>
  readonly fallback: unknown
}

/** The catalogue as a list. */
export const settings = Object.entries(catalogue) as ReadonlyArray<readonly [SettingName, Setting]>
