/**
 * Settings of what a node stands on: PostgreSQL, Redis, Kafka. Others stand beside their capability, in its `Settings.ts`.
 *
 *   SC1  Connections with TLS (rediss://, KAFKA_TLS, sslmode=require and above) trust the authorities that Node knows and those of
 *        NODE_EXTRA_CA_CERTS, nothing else, and check the server's name.
 *   SC2  A Redis, Kafka or PostgreSQL that refuses this server, or is refused, is named in the log with the reason and without a password.
 */
import * as Redacted from "effect/Redacted"
import { duration, hosts, integer, keyPrefix, oneOf, onOff, postgresUrl, redisUrl, secret, text } from "./Form.ts"
import { parseAddresses } from "./RedisUrl.ts"
import { optional, setting, unset, type ValuesOf } from "./Setting.ts"

export const settings = {
  database: {
    /** Absent: the embedded PostgreSQL in the data folder. */
    url: unset("database.url", "DATABASE_URL", postgresUrl),
    /** Of each pool; one more listens for other nodes' commits. */
    connections: {
      reads: setting("database.pool.reads", "DATABASE_POOL_READS", integer(1, 500), 10),
      writes: setting("database.pool.writes", "DATABASE_POOL_WRITES", integer(1, 500), 4),
      other: setting("database.pool.other", "DATABASE_POOL_OTHER", integer(1, 500), 10)
    },
    acquireTimeout: setting("database.acquireTimeout", "DATABASE_ACQUIRE_TIMEOUT", duration, 2_000),
    statementTimeout: setting("database.statementTimeout", "DATABASE_STATEMENT_TIMEOUT", duration, 10_000),
    /** Absent: every read is the primary's. */
    replica: optional(["url"], {
      url: unset("database.replicaUrl", "DATABASE_REPLICA_URL", postgresUrl),
      wait: setting("database.replicaWait", "DATABASE_REPLICA_WAIT", duration, 50)
    }),
    /** Off: only the other lanes and the poll tell nodes of each other's commits. */
    notify: setting("propagation.notify", "HINTS_NOTIFY", onOff, true)
  },
  /** Absent: no shared cache, and no lane over Redis. */
  redis: optional(["url"], {
    url: unset("redis.url", "REDIS_URL", redisUrl),
    mode: setting("redis.mode", "REDIS_MODE", oneOf("single", "sentinel", "cluster"), "single"),
    sentinelName: setting("redis.sentinelName", "REDIS_SENTINEL_NAME", text, "mymaster"),
    timeout: setting("redis.timeout", "REDIS_TIMEOUT", duration, 50),
    /** In front of the names of notices for other programs, where several Heralds or other programs have one Redis. */
    noticePrefix: setting("redis.noticePrefix", "REDIS_NOTICE_PREFIX", keyPrefix, "")
  }),
  /** Absent: no events are published. */
  kafka: optional(["brokers"], {
    brokers: unset("kafka.brokers", "KAFKA_BROKERS", hosts),
    topic: setting("kafka.topic", "KAFKA_TOPIC", text, "config.updates"),
    tls: setting("kafka.tls", "KAFKA_TLS", onOff, false),
    username: unset("kafka.username", "KAFKA_USERNAME", text),
    password: unset("kafka.password", "KAFKA_PASSWORD", secret),
    /** Off: the topic is not used to hear of other nodes' commits. */
    hints: setting("kafka.hints", "KAFKA_HINTS", onOff, true),
    /** Off: clients that come and go are in the topic, and not in the audit log. */
    audit: setting("kafka.audit", "KAFKA_AUDIT", onOff, true)
  })
}

export const rule = ({ redis: { url, mode } }: ValuesOf<typeof settings>): string | undefined => {
  const addresses = url === undefined ? undefined : parseAddresses(Redacted.value(url))
  if (addresses === undefined) return undefined
  if (mode === "single" && addresses.nodes.length > 1)
    return "redis.url has several addresses; redis.mode must then be sentinel or cluster"
  return mode === "cluster" && addresses.db !== 0
    ? "redis.url names a database by its number; a Redis Cluster has only 0"
    : undefined
}
