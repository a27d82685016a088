import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { catalogue, load } from "../../layers/Settings.ts"

const folder = mkdtempSync(join(tmpdir(), "herald-settings-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const file = (text: string): string => {
  const path = join(folder, "herald.yaml")
  writeFileSync(path, text)
  return path
}
const loaded = (env: Record<string, string>, text?: string) =>
  load({ env, configFile: text === undefined ? undefined : file(text) })
const refused = (env: Record<string, string>, text?: string) =>
  Effect.map(Effect.flip(loaded(env, text)), (error) => {
    assert.strictEqual(error.name, "SettingsInvalid")
    return error.message
  })

/** A right value, other than the default, for each setting. */
const samples: Record<keyof typeof catalogue, string> = {
  httpHost: "::1",
  httpPort: "8081",
  grpcHost: "::1",
  grpcPort: "50052",
  maxStreams: "7",
  dataDir: "elsewhere",
  node: "n7",
  databaseUrl: "postgres://u:p@h/d",
  databaseConnections: "9",
  pepper: "hot",
  heartbeatInterval: "10s",
  heartbeatTimeout: "45s",
  drainSpread: "250ms",
  pollInterval: "100ms",
  staleAfter: "1.5s",
  cacheBytes: "2097152",
  retention: "2h",
  retentionAtLeast: "5",
  ratePerSecond: "6",
  rateBurst: "8",
  maxStreamsPerIdentity: "3",
  logFormat: "json",
  logLevel: "debug",
  statsdHost: "statsd",
  statsdPort: "9125",
  statsdTags: "dogstatsd",
  otlpEndpoint: "http://collector:4318"
}
const plain = (value: unknown) => (Redacted.isRedacted(value) ? Redacted.value(value) : value)
const asFile = (path: string, value: string) =>
  path
    .split(".")
    .reduceRight((inner, part) => `${part}: ${inner === value ? JSON.stringify(value) : `{${inner}}`}`, value)

describe("Settings", () => {
  it.effect("Q1 every setting can be given in the environment and in the file, and the environment wins", () =>
    Effect.gen(function* () {
      const rows = Object.entries(catalogue) as ReadonlyArray<
        [keyof typeof catalogue, { path: string; env: string; fallback: unknown }]
      >
      for (const [name, { path, env, fallback }] of rows) {
        const text = asFile(path, samples[name])
        const fromEnv = plain((yield* loaded({ [env]: samples[name] }))[name])
        const fromFile = plain((yield* loaded({}, text))[name])
        const both = plain((yield* loaded({ [env]: samples[name] }, "{}"))[name])
        assert.deepStrictEqual(fromFile, fromEnv, name)
        assert.deepStrictEqual(both, fromEnv, name)
        assert.notDeepEqual(fromEnv, plain(fallback), name)
      }
      const winner = yield* loaded({ HTTP_PORT: "1" }, "http: {port: 2}")
      const empty = yield* loaded({ HTTP_PORT: "" }, "http: {port: 2}")
      const flag = yield* load({ env: { HERALD_DATA: "a" }, dataDir: "b" })

      assert.deepStrictEqual([winner.httpPort, empty.httpPort, flag.dataDir], [1, 2, "b"])
      assert.strictEqual(new Set(rows.map(([, { env }]) => env)).size, rows.length)
      assert.strictEqual(new Set(rows.map(([, { path }]) => path)).size, rows.length)
    })
  )

  it.effect(
    "Q1 HERALD_CONFIG names the file, durations are milliseconds, and the defaults listen on loopback only",
    () =>
      Effect.gen(function* () {
        const named = yield* load({ env: { HERALD_CONFIG: file("heartbeat:\n  interval: 2m\n  timeout: 1h") } })
        const settings = yield* load({ env: {} })

        assert.deepStrictEqual([named.heartbeatInterval, named.heartbeatTimeout], [120_000, 3_600_000])
        assert.deepStrictEqual([settings.httpHost, settings.grpcHost], ["127.0.0.1", "127.0.0.1"])
        assert.deepStrictEqual([settings.httpPort, settings.grpcPort, settings.maxStreams], [8080, 50_051, 1_000])
        assert.isUndefined(settings.databaseUrl)
      })
  )

  it.effect("Q2 an unknown name in the file stops the start and says the nearest right one", () =>
    Effect.gen(function* () {
      for (const [text, wrong, right] of [
        ["http: {prot: 1}", "http.prot", "http.port"],
        ["heartbeat: {intervall: 10s}", "heartbeat.intervall", "heartbeat.interval"],
        ["datadir: x", "datadir", "dataDir"],
        ["cache: {maxbytes: 1}", "cache.maxbytes", "cache.maxBytes"]
      ] as const) {
        const message = yield* refused({}, text)
        assert.include(message, `unknown setting ${wrong}`)
        assert.include(message, `did you mean ${right}?`)
        assert.include(message, "herald.yaml")
      }
    })
  )

  it.effect("Q2 a wrong value stops the start and says where it is and what is expected", () =>
    Effect.gen(function* () {
      for (const [env, value, expected] of [
        ["HTTP_PORT", "http", "0 to 65535"],
        ["HTTP_PORT", "70000", "0 to 65535"],
        ["GRPC_PORT", "-1", "0 to 65535"],
        ["GRPC_MAX_STREAMS", "1.5", "a whole number from 1"],
        ["HEARTBEAT_TIMEOUT", "90", "500ms, 30s"],
        ["LOG_LEVEL", "loud", "debug, info, warn, error"],
        ["CACHE_MAX_BYTES", "1", "1048576"]
      ] as const) {
        const message = yield* refused({ [env]: value })
        assert.include(message, `${env} is "${value}"`)
        assert.include(message, expected)
      }
      assert.include(yield* refused({}, "http: {port: yes}"), "http.port in")
      assert.include(yield* refused({}, "http: {port: [1, 2]}"), "http.port must be a single value")
      assert.include(yield* refused({}, "http: 80"), "http")
      assert.include(yield* refused({}, "just text"), "the whole file")
    })
  )

  it.effect("Q2 settings that do not go together are refused, and both are named", () =>
    Effect.gen(function* () {
      const message = yield* refused({ HEARTBEAT_INTERVAL: "2m" })

      assert.include(message, "heartbeat.timeout")
      assert.include(message, "heartbeat.interval")
    })
  )

  it.effect("Q2 a file that is not there or is no YAML says so", () =>
    Effect.gen(function* () {
      const missing = yield* Effect.flip(load({ env: {}, configFile: join(folder, "none.yaml") }))
      const broken = yield* refused({}, "http: {port: ")

      assert.include(missing.message, "none.yaml can't be read")
      assert.include(broken, "can't be read")
    })
  )

  it.effect("Q2 a secret is never repeated in an error or a log", () =>
    Effect.gen(function* () {
      const settings = yield* loaded({ HERALD_PEPPER: "hunter2", DATABASE_URL: "postgres://u:hunter2@h/d" })

      assert.notInclude(JSON.stringify(settings), "hunter2")
      assert.notInclude(String(settings.pepper), "hunter2")
    })
  )
})
