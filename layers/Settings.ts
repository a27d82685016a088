/**
 * Every setting, from the environment, a YAML file, or its default, in that order.
 *
 *   Q1  Each setting has both a name in the environment and a place in the file.
 *   Q2  An unknown name in the file or a wrong value stops the start and says which, why, and the nearest right name.
 */
import { readFileSync } from "node:fs"
import { hostname } from "node:os"
import { Context, Effect, Layer, Redacted } from "effect"
import { parse } from "yaml"
import { failure, type HeraldError } from "../src/errors/HeraldError.ts"

type Raw = string | number | boolean

interface Kind<A> {
  readonly expected: string
  readonly read: (raw: Raw) => A | undefined
}

const text: Kind<string> = { expected: "text", read: (raw) => String(raw) }
const integer = (min: number, max: number): Kind<number> => ({
  expected: `a whole number from ${min} to ${max}`,
  read: (raw) => {
    const n = typeof raw === "number" ? raw : /^\d+$/.test(String(raw)) ? Number(raw) : Number.NaN
    return Number.isInteger(n) && n >= min && n <= max ? n : undefined
  }
})
const units: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
/** Milliseconds. */
const duration: Kind<number> = {
  expected: "a duration such as 500ms, 30s, 5m, 2h or 7d",
  read: (raw) => {
    const found = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/.exec(String(raw).trim())
    return found === null ? undefined : Number(found[1]) * units[found[2]!]!
  }
}
const oneOf = <const A extends string>(...names: ReadonlyArray<A>): Kind<A> => ({
  expected: `one of ${names.join(", ")}`,
  read: (raw) => names.find((name) => name === String(raw))
})
const secret: Kind<Redacted.Redacted> = { expected: "text", read: (raw) => Redacted.make(String(raw)) }

const postgresUrl: Kind<Redacted.Redacted> = {
  expected: "a URL such as postgres://user:password@host:5432/database",
  read: (raw) =>
    /^postgres(ql)?:$/.test(URL.parse(String(raw))?.protocol ?? "") ? Redacted.make(String(raw)) : undefined
}

const setting = <A, B = A>(path: string, env: string, kind: Kind<A>, fallback: B) => ({ path, env, kind, fallback })

/** Q1: the whole list. */
export const catalogue = {
  httpHost: setting("http.host", "HTTP_HOST", text, "127.0.0.1"),
  httpPort: setting("http.port", "HTTP_PORT", integer(0, 65_535), 8080),
  grpcHost: setting("grpc.host", "GRPC_HOST", text, "127.0.0.1"),
  grpcPort: setting("grpc.port", "GRPC_PORT", integer(0, 65_535), 50_051),
  /** Streams that this server takes, over all connections. */
  maxStreams: setting("grpc.maxStreams", "GRPC_MAX_STREAMS", integer(1, 1_000_000), 1_000),
  dataDir: setting("dataDir", "HERALD_DATA", text, ".herald"),
  node: setting("node", "HERALD_NODE", text, hostname()),
  /** Absent: the embedded PostgreSQL in the data folder. */
  databaseUrl: setting<Redacted.Redacted, undefined | Redacted.Redacted>(
    "database.url",
    "DATABASE_URL",
    postgresUrl,
    undefined
  ),
  databaseConnections: setting("database.maxConnections", "DATABASE_MAX_CONNECTIONS", integer(4, 500), 16),
  /** Shared by all nodes on one database. Absent: a file in the data folder. */
  pepper: setting<Redacted.Redacted, undefined | Redacted.Redacted>("pepper", "HERALD_PEPPER", secret, undefined),
  heartbeatInterval: setting("heartbeat.interval", "HEARTBEAT_INTERVAL", duration, 30_000),
  heartbeatTimeout: setting("heartbeat.timeout", "HEARTBEAT_TIMEOUT", duration, 90_000),
  drainSpread: setting("drain.spread", "DRAIN_SPREAD", duration, 5_000),
  pollInterval: setting("propagation.pollInterval", "POLL_INTERVAL", duration, 500),
  staleAfter: setting("propagation.staleAfter", "STALE_AFTER", duration, 3_000),
  cacheBytes: setting("cache.maxBytes", "CACHE_MAX_BYTES", integer(1_048_576, 2 ** 40), 268_435_456),
  retention: setting("retention.time", "RETENTION_TIME", duration, 7 * 86_400_000),
  retentionAtLeast: setting("retention.atLeast", "RETENTION_AT_LEAST", integer(1, 1_000_000_000), 10_000),
  ratePerSecond: setting("limits.requestsPerSecond", "LIMIT_REQUESTS_PER_SECOND", integer(1, 1_000_000), 5_000),
  rateBurst: setting("limits.burst", "LIMIT_BURST", integer(1, 1_000_000), 10_000),
  maxStreamsPerIdentity: setting(
    "limits.streamsPerIdentity",
    "LIMIT_STREAMS_PER_IDENTITY",
    integer(1, 1_000_000),
    5_000
  ),
  logFormat: setting("log.format", "LOG_FORMAT", oneOf("auto", "json", "pretty"), "auto"),
  logLevel: setting("log.level", "LOG_LEVEL", oneOf("debug", "info", "warn", "error"), "info"),
  /** Absent: nothing is sent to StatsD. */
  statsdHost: setting<string, string | undefined>("statsd.host", "STATSD_HOST", text, undefined),
  statsdPort: setting("statsd.port", "STATSD_PORT", integer(1, 65_535), 8_125),
  statsdTags: setting("statsd.tags", "STATSD_TAGS", oneOf("none", "dogstatsd"), "none"),
  otlpEndpoint: setting<string, string | undefined>("otlp.endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT", text, undefined)
}

type Catalogue = typeof catalogue
type ValueOf<S> = S extends { readonly kind: Kind<infer A>; readonly fallback: infer B }
  ? A | (undefined extends B ? undefined : never)
  : never
export type SettingsShape = { readonly [Name in keyof Catalogue]: ValueOf<Catalogue[Name]> }

export class Settings extends Context.Service<Settings, SettingsShape>()("herald/layers/Settings") {
  static readonly layer = (options: LoadOptions) => Layer.effect(Settings, load(options))
}

export interface LoadOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  /** A YAML file; else HERALD_CONFIG names one. */
  readonly configFile?: string | undefined
  readonly dataDir?: string | undefined
}

const wrong = (message: string) => failure("SettingsInvalid", message)

export const load = Effect.fnUntraced(function* (options: LoadOptions) {
  const path = options.configFile ?? options.env["HERALD_CONFIG"]
  const file = path === undefined ? new Map<string, Raw>() : yield* readFile(path)
  const values: Record<string, unknown> = {}
  for (const [name, { path: place, env, kind, fallback }] of Object.entries(catalogue) as ReadonlyArray<
    [string, { path: string; env: string; kind: Kind<unknown>; fallback: unknown }]
  >) {
    const fromEnv = options.env[env] || undefined // empty is as good as unset
    const raw = name === "dataDir" && options.dataDir !== undefined ? options.dataDir : (fromEnv ?? file.get(place))
    const value = raw === undefined ? fallback : kind.read(raw)
    if (raw !== undefined && value === undefined) {
      const where = fromEnv === undefined ? `${place} in ${path}` : env
      return yield* wrong(
        `${where} is ${kind === secret || kind === postgresUrl ? "not valid" : JSON.stringify(raw)}; it must be ${kind.expected}`
      )
    }
    values[name] = value
  }
  const settings = values as SettingsShape
  if (settings.heartbeatTimeout <= settings.heartbeatInterval)
    return yield* wrong("heartbeat.timeout must be longer than heartbeat.interval")
  return settings
})

const readFile = (path: string): Effect.Effect<Map<string, Raw>, HeraldError> =>
  Effect.try({
    try: () => parse(readFileSync(path, "utf8"), { maxAliasCount: 0, prettyErrors: true }) as unknown,
    catch: (cause) => wrong(`the settings file ${path} can't be read: ${(cause as Error).message}`)
  }).pipe(
    Effect.flatMap((tree) => {
      const flat = new Map<string, Raw>()
      const problem = flatten(tree, "", flat)
      return problem === undefined ? Effect.succeed(flat) : Effect.fail(wrong(`${problem} in ${path}`))
    })
  )

const places = Object.values(catalogue).map(({ path }) => path)

/** Q2 */
const flatten = (tree: unknown, prefix: string, into: Map<string, Raw>): string | undefined => {
  if (tree === null || tree === undefined) return undefined
  if (typeof tree !== "object" || Array.isArray(tree)) {
    if (!places.includes(prefix))
      return `unknown setting ${prefix || "(the whole file)"}: did you mean ${nearest(prefix)}?`
    if (Array.isArray(tree)) return `${prefix} must be a single value`
    into.set(prefix, tree as Raw)
    return undefined
  }
  for (const [name, value] of Object.entries(tree)) {
    const problem = flatten(value, prefix === "" ? name : `${prefix}.${name}`, into)
    if (problem !== undefined) return problem
  }
  return undefined
}

const nearest = (name: string): string =>
  places.reduce((best, place) => (distance(name, place) < distance(name, best) ? place : best))

/** Levenshtein (1965). */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    row = next
  }
  return row[b.length]!
}
