/** A right value for each setting, what it needs beside it, and where it is found in what was made of them. */
import { Redacted } from "effect"
import type { Settings } from "../../src/settings/Catalogue.ts"
import { groups } from "../../src/settings/Groups.ts"
import { Optional, Setting } from "../../src/settings/Setting.ts"

/** A right value, other than the default, for each setting. */
export const samples: Readonly<Record<string, string>> = {
  "http.host": "::1",
  "http.port": "8081",
  "http.maxConnections": "9",
  "http.maxSockets": "9",
  "http.origins": "https://app.example.com",
  "grpc.host": "::1",
  "grpc.port": "50052",
  "grpc.maxStreams": "7",
  "grpc.server": "grpc-js",
  "grpc.clientCa": "/run/tls/clients.pem",
  "grpc.clientCertificates": "required",
  "tls.cert": "/run/tls/tls.crt",
  "tls.key": "/run/tls/tls.key",
  "tls.clientCa": "/run/tls/clients.pem",
  "tls.clientCrl": "/run/tls/clients.crl",
  "tls.identities": "[]",
  "tls.insecure": "yes",
  "feeds.max": "7",
  "topics.eventBytes": "65536",
  "topics.underWayBytes": "16777216",
  "topics.ephemeralBytes": "33554432",
  "topics.ephemeralPartitionBytes": "2097152",
  "topics.waitingReads": "16",
  "topics.readers": "50",
  "topics.ringBytes": "131072",
  "topics.ringsBytes": "2097152",
  "marketData.daysTime": "1000d",
  "marketData.distributed": "complete",
  "marketData.stale": "5s",
  "marketData.time": "30d",
  "marketData.topics": "ticks/eu",
  "flags.anonymous": "staging,test",
  "flags.anonymousPerSecond": "70",
  "flags.origins": "https://app.example.com,http://localhost:3000",
  "flags.streams": "50",
  "clients.ownership": "shared",
  dataDir: "elsewhere",
  node: "n7",
  "database.url": "postgres://u:p@h/d",
  "database.pool.reads": "9",
  "database.pool.writes": "5",
  "database.pool.other": "6",
  "database.acquireTimeout": "1s",
  "database.statementTimeout": "7s",
  "database.replicaUrl": "postgres://u:p@r/d",
  "database.replicaWait": "20ms",
  pepper: "hot",
  "audit.key": "cold",
  "heartbeat.interval": "10s",
  "heartbeat.timeout": "45s",
  "drain.spread": "250ms",
  "propagation.pollInterval": "100ms",
  "propagation.staleAfter": "1.5s",
  "cache.maxBytes": "2097152",
  "propagation.notify": "off",
  "redis.url": "rediss://u:p@a:7000,rediss://b",
  "redis.mode": "cluster",
  "redis.sentinelName": "main",
  "redis.timeout": "20ms",
  "kafka.brokers": "a:9092,b:9092",
  "kafka.topic": "events",
  "kafka.tls": "on",
  "kafka.username": "ada",
  "kafka.password": "p",
  "kafka.hints": "off",
  "kafka.audit": "off",
  "webhook.urls": "https://a.example/x,https://b.example/y",
  "webhook.secret": "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
  "webhook.previousSecret": "twenty-four-letters-or-more",
  "webhook.keys": "payment.*,svc",
  "webhook.private": "allowed",
  "webhook.timeout": "3s",
  "usage.time": "3d",
  "usage.reportsTime": "2d",
  "usage.reportsPerDay": "5000",
  "rollouts.near": "prometheus:9090",
  "schedules.grace": "2h",
  "retention.time": "2h",
  "retention.atLeast": "5",
  "limits.requestsPerSecond": "6",
  "limits.burst": "8",
  "limits.streamsPerIdentity": "3",
  "limits.keysPerEnvironment": "7",
  "limits.bytesPerEnvironment": "9",
  "limits.streamsPerEnvironment": "4",
  "limits.connectionsPerAddress": "5",
  "limits.exemptAddresses": "10.0.0.7,10.1.0.0/16,fd00::/8",
  "oidc.issuer": "https://login.example.com",
  "oidc.audience": "herald",
  "oidc.algorithms": "ES256,Ed25519",
  "limits.rules": '[{"door":"http","environment":"staging","requestsPerSecond":10}]',
  "oidc.roles": '[{"claim":"groups","value":"ops","grant":{"role":"viewer","environments":["*"]}}]',
  "oidc.nameClaim": "email",
  "oidc.client": "herald-cli",
  "oidc.scope": "openid email offline_access",
  "oidc.near": "keycloak:8080",
  "log.format": "json",
  "log.level": "debug",
  "statsd.host": "statsd",
  "statsd.port": "9125",
  "statsd.tags": "dogstatsd",
  "otlp.endpoint": "http://collector:4318",
  "otlp.sampleRatio": "0.25",
  "otlp.deployment": "staging",
  "redis.noticePrefix": "shop:",
  "statistics.deliveries": "complete",
  "statistics.time": "3d"
}
export const plain = (value: unknown) => (Redacted.isRedacted(value) ? Redacted.value(value) : value)
/** What else is set where this setting is heard. */
export const needed = (path: string): Record<string, string> => {
  const [group = ""] = path.split(".")
  const kafka = { KAFKA_BROKERS: samples["kafka.brokers"]! }
  const others: Readonly<Record<string, Record<string, string>>> = {
    redis: { REDIS_URL: samples["redis.url"]!, REDIS_MODE: samples["redis.mode"]! },
    kafka,
    webhook: { ...kafka, WEBHOOK_URLS: samples["webhook.urls"]!, WEBHOOK_SECRET: samples["webhook.secret"]! },
    oidc: { HERALD_OIDC_ISSUER: samples["oidc.issuer"]!, HERALD_OIDC_AUDIENCE: samples["oidc.audience"]! },
    statsd: { STATSD_HOST: samples["statsd.host"]! },
    otlp: { OTEL_EXPORTER_OTLP_ENDPOINT: samples["otlp.endpoint"]! },
    database: { DATABASE_REPLICA_URL: samples["database.replicaUrl"]! }
  }
  return others[group] ?? {}
}

/** The value that was made of the setting with this place. */
export const at = (settings: Settings, path: string): unknown => {
  const find = (members: object, values: unknown): ReadonlyArray<unknown> =>
    Object.entries(members).flatMap(([name, member]: [string, unknown]) => {
      const value = (values as Record<string, unknown> | undefined)?.[name]
      if (member instanceof Setting) return member.path === path ? [value] : []
      return find(member instanceof Optional ? (member.members as object) : (member as object), value)
    })
  return plain(find(groups, settings)[0])
}

export const asFile = (path: string, value: string) =>
  path
    .split(".")
    .reduceRight((inner, part) => `${part}: ${inner === value ? JSON.stringify(value) : `{${inner}}`}`, value)
