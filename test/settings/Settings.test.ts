import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { Ajv2020 } from "ajv/dist/2020.js"
import { Effect } from "effect"
import { load, resolve } from "../../layers/Files/Settings.ts"
import { settings as all } from "../../src/settings/Catalogue.ts"
import { nameOf, serversOf } from "../../src/settings/DatabaseUrl.ts"
import { asFile, at, needed, plain, samples } from "./Samples.ts"

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

describe("Settings", () => {
  it.effect("Q1 every setting can be given in the environment and in the file, and the environment wins", () =>
    Effect.gen(function* () {
      for (const { path, env, fallback } of all) {
        const sample = samples[path]!
        const text = asFile(path, sample)
        const { [env]: _, ...others } = needed(path)
        const fromEnv = at(yield* loaded({ ...others, [env]: sample }), path)
        const fromFile = at(yield* loaded(others, text), path)
        const both = at(yield* loaded({ ...others, [env]: sample }, "{}"), path)
        assert.deepStrictEqual(fromFile, fromEnv, path)
        assert.deepStrictEqual(both, fromEnv, path)
        assert.isDefined(fromEnv, path)
        assert.notDeepEqual(fromEnv, plain(fallback), path)
      }
      assert.sameMembers(
        Object.keys(samples),
        all.map(({ path }) => path)
      )
      const winner = yield* loaded({ HTTP_PORT: "1" }, "http: {port: 2}")
      const empty = yield* loaded({ HTTP_PORT: "" }, "http: {port: 2}")
      const flag = yield* load({ env: { HERALD_DATA: "a" }, dataDir: "b" })

      assert.deepStrictEqual([winner.http.port, empty.http.port, flag.dataDir], [1, 2, "b"])
      assert.strictEqual(new Set(all.map(({ env }) => env)).size, all.length)
      assert.strictEqual(new Set(all.map(({ path }) => path)).size, all.length)
    })
  )

  it.effect(
    "Q1 HERALD_CONFIG names the file, durations are milliseconds, and the defaults listen on loopback only",
    () =>
      Effect.gen(function* () {
        const named = yield* load({ env: { HERALD_CONFIG: file("heartbeat:\n  interval: 2m\n  timeout: 1h") } })
        const settings = yield* load({ env: {} })

        assert.deepStrictEqual(
          [named.sessions.heartbeatInterval, named.sessions.heartbeatTimeout],
          [120_000, 3_600_000]
        )
        assert.deepStrictEqual([settings.http.host, settings.grpc.host], ["127.0.0.1", "127.0.0.1"])
        assert.deepStrictEqual(
          [settings.http.port, settings.grpc.port, settings.grpc.maxStreams],
          [8080, 50_051, 1_000]
        )
        assert.isUndefined(settings.database.url)
      })
  )

  it.effect(
    "Q2 HP1 hosts and brokers have one spelling: IPv6 with or without brackets, and what is none is refused",
    () =>
      Effect.gen(function* () {
        const hosts = yield* loaded({ HTTP_HOST: "[::1]", GRPC_HOST: " :: ", STATSD_HOST: "fe80::1%eth0" })
        assert.deepStrictEqual([hosts.http.host, hosts.grpc.host, hosts.statsd?.host], ["::1", "::", "fe80::1%eth0"])
        const { kafka } = yield* loaded({ KAFKA_BROKERS: "[::1]:9092, b:9093" })
        assert.deepStrictEqual(kafka?.brokers, ["[::1]:9092", "b:9093"])
        for (const env of [
          { HTTP_HOST: "127.0.0.1:80" },
          { HTTP_HOST: "http://a" },
          { GRPC_HOST: "[a]" },
          { GRPC_HOST: "1.2.3.400" },
          { STATSD_HOST: "a b" },
          { KAFKA_BROKERS: "::1:9092" },
          { KAFKA_BROKERS: "a" },
          { KAFKA_BROKERS: "a:0" },
          { KAFKA_BROKERS: "a:9092,kafka://b:1" }
        ]) {
          assert.include(yield* refused(env as Record<string, string>), String(Object.keys(env)[0]))
        }
      })
  )

  it.effect(
    "Q2 webhooks need Kafka, a secret that is long enough, and https; what is wrong is said without the secret",
    () =>
      Effect.gen(function* () {
        const right = {
          KAFKA_BROKERS: "a:9092",
          WEBHOOK_URLS: "https://hooks.example/hunter2",
          WEBHOOK_SECRET: samples["webhook.secret"]!
        }
        yield* loaded(right)
        yield* loaded({ ...right, WEBHOOK_URLS: "http://10.0.0.1/x", WEBHOOK_PRIVATE: "allowed" })
        for (const [env, named] of [
          [{ KAFKA_BROKERS: "" }, "Set KAFKA_BROKERS, or unset WEBHOOK_URLS"],
          [{ WEBHOOK_SECRET: "" }, "WEBHOOK_SECRET=whsec_$(openssl rand -base64 32)"],
          [{ WEBHOOK_SECRET: "hunter2" }, "WEBHOOK_SECRET is not valid"],
          [{ WEBHOOK_SECRET: "whsec_aHVudGVyMg==" }, "WEBHOOK_SECRET is not valid"],
          [{ WEBHOOK_URLS: "http://a.example/hunter2" }, "use https, or webhook.private=allowed"],
          [{ WEBHOOK_URLS: "https://u:hunter2@a.example/" }, "WEBHOOK_URLS is not valid"],
          [{ WEBHOOK_URLS: "ftp://a.example/hunter2" }, "WEBHOOK_URLS is not valid"],
          [{ WEBHOOK_KEYS: "a b" }, 'WEBHOOK_KEYS is "a b"'],
          [{ WEBHOOK_TIMEOUT: "2m" }, "webhook.timeout must be"]
        ] as const) {
          const said = yield* refused({ ...right, ...env })
          assert.include(said, named)
          assert.notInclude(said, "hunter2")
        }
      })
  )

  it.effect("Q2 a list that is no JSON is named with the place where it ends to be", () =>
    Effect.gen(function* () {
      const said = yield* refused({ HERALD_LIMITS: '[{"door":"http",}]' })
      assert.match(said, /^HERALD_LIMITS is ".*"; it must be a list as JSON.*: .* at position 16/)
      const other = yield* refused({ HERALD_LIMITS: "{}" })
      assert.match(other, /it must be a list as JSON, such as \[\], of at most 64 KiB$/)
    })
  )

  it.effect("Q2 what is wrong about a Redis is said without its password", () =>
    Effect.gen(function* () {
      for (const [env, named] of [
        [{ REDIS_URL: "redis://a,redis://b" }, "redis.mode"],
        [{ REDIS_URL: "redis://a/3", REDIS_MODE: "cluster" }, "redis.url"]
      ] as const)
        assert.include(yield* refused(env), named)
      for (const REDIS_URL of ["http://u:hunter2@h", "redis://u:hunter2@h/name", "redis://u:hunter2@h,nothing"])
        assert.match(yield* refused({ REDIS_URL }), /^REDIS_URL is not valid(?!.*hunter2)/)
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
        ["LIMIT_EXEMPT_ADDRESSES", "10.0.0.256", "addresses and networks"],
        ["LIMIT_EXEMPT_ADDRESSES", "10.0.0.0/33", "addresses and networks"],
        ["LIMIT_EXEMPT_ADDRESSES", "::1,example.com", "addresses and networks"],
        ["FLAGS_ORIGINS", "https://app.example.com/page", "origins such as https://app.example.com"],
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

  it.effect("QS2 what is wrong in the file is told with its line", () =>
    Effect.gen(function* () {
      for (const [text, line] of [
        ["http:\n  port: 1\n\ndatabase:\n  pol: 1", 5],
        ["http:\n  port: 1\n  host: a\ngrpc:\n  port: many", 5],
        ["# first\nlog:\n  level: [a]", 3],
        ["http:\n  port: 1\n  port: 2", 3],
        ["http: &a\n  port: 1\ngrpc: *a", 3]
      ] as const) {
        assert.match(yield* refused({}, text), new RegExp(`line ${line}\\b`), text)
      }
    })
  )

  it.effect("Q1 a group is there where what it needs is, with its defaults", () =>
    Effect.gen(function* () {
      const none = yield* loaded({ REDIS_TIMEOUT: "1s", KAFKA_TLS: "on", OTEL_TRACES_SAMPLER_ARG: "0" })
      const some = yield* loaded({ REDIS_URL: "redis://a", KAFKA_BROKERS: "a:1", KAFKA_TLS: "on", HINTS_NOTIFY: "off" })

      const { redis, kafka, webhooks, statsd, otlp, database } = none
      assert.deepStrictEqual([redis, kafka, webhooks, statsd, otlp, database.replica], Array(6).fill(undefined))
      assert.isTrue(database.notify)
      assert.deepStrictEqual(
        { ...some.redis, url: "" },
        { url: "", mode: "single", sentinelName: "mymaster", timeout: 50, noticePrefix: "" }
      )
      assert.deepStrictEqual([some.kafka?.tls, some.kafka?.audit, some.database.notify], [true, true, false])
    })
  )

  it.effect("QS3 a name in the environment that is nearly one of ours is told, with the right one", () =>
    Effect.gen(function* () {
      const env = {
        HERALD_PEPER: "x",
        DATABASE_URI: "y",
        HTTP_PROT: "1",
        HERALD_TOKEN: "t",
        SMTP_PORT: "25",
        HOME: "/"
      }
      const { warnings } = yield* resolve({ env })

      assert.sameMembers(
        [...warnings],
        [
          "HERALD_PEPER is no setting: did you mean HERALD_PEPPER?",
          "DATABASE_URI is no setting: did you mean DATABASE_URL?",
          "HTTP_PROT is no setting: did you mean HTTP_PORT?"
        ]
      )
    })
  )

  it.effect("a database URL may list several servers", () =>
    Effect.gen(function* () {
      const { database } = yield* loaded({ DATABASE_URL: "postgres://u:p%40x@a:5432,b:5433/d?sslmode=disable" })

      assert.deepStrictEqual(serversOf(plain(database.url) as string), [
        "postgres://u:p%40x@a:5432/d?sslmode=disable",
        "postgres://u:p%40x@b:5433/d?sslmode=disable"
      ])
      assert.deepStrictEqual(["postgres://u:p@a/d", "postgres://u:p@[::1]:7/d"].map(nameOf), ["a:5432", "[::1]:7"])
      assert.include(yield* refused({ DATABASE_URL: "postgres://a:1,b:x/d" }), "several servers")
    })
  )

  it("schema/settings.schema.json takes what the server takes, and refuses what it refuses", () => {
    const validate = new Ajv2020({ strict: true }).compile(
      JSON.parse(readFileSync(new URL("../../schema/settings.schema.json", import.meta.url), "utf8")) as object
    )
    for (const right of [{}, { http: { port: 1 }, database: { pool: { reads: 3 }, acquireTimeout: "1s" } }])
      assert.isTrue(validate(right), JSON.stringify(validate.errors))
    for (const wrong of [
      { http: { prot: 1 } },
      { http: { port: 70_000 } },
      { drain: { spread: "5" } },
      { log: { level: "x" } }
    ])
      assert.isFalse(validate(wrong), JSON.stringify(wrong))
  })
})
