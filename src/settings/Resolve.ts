/**
 * The value of each setting and where it came from: a flag, the environment, the file, or its default, in that order. Pure.
 *
 *   Q2   An unknown name in the file or a wrong value stops the start and says which, why, and the nearest right name.
 *   QS1  Whoever asks, the server or `herald settings`, finds the same values; a secret is never shown.
 *   QS2  What is wrong in the file is told with its line.
 *   QS3  A name in the environment that looks like one of ours and is not gets a warning with the nearest right name.
 */
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { type SettingName, type SettingsShape, settings } from "./Catalogue.ts"
import type { Raw } from "./Kind.ts"
import { distance, nearest } from "./Nearest.ts"
import { parseAddresses } from "./RedisUrl.ts"
import { type Placed, readSettingsFile } from "./SettingsFile.ts"

export type Origin = "flag" | "environment" | "file" | "default"

export interface Found {
  readonly name: SettingName
  readonly setting: string
  readonly environment: string
  /** As a person reads it; secrets are redacted. */
  readonly shown: string
  readonly from: Origin
  /** The flag, the variable, or the file and line; "" for a default. */
  readonly at: string
}

export interface Sources {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly file: { readonly path: string; readonly content: string } | undefined
  /** `--data` */
  readonly dataDir: string | undefined
  readonly hostname: string
}

export interface Resolved {
  readonly values: SettingsShape
  readonly found: ReadonlyArray<Found>
  readonly warnings: ReadonlyArray<string>
}

/** Read elsewhere: by the loader, and by the command line. */
const ELSEWHERE = ["HERALD_CONFIG", "HERALD_SERVER", "HERALD_GRPC", "HERALD_TOKEN", "HERALD_ENV"]
const known = [...settings.map(([, { env }]) => env), ...ELSEWHERE]

/** QS3: ours by prefix, or at most two letters away from a known name that begins alike. */
const warningsOf = (env: Sources["env"]): ReadonlyArray<string> =>
  Object.keys(env).flatMap((name) => {
    if (known.includes(name) || (env[name] ?? "") === "") return []
    const meant = nearest(name, known)
    const near = name.length >= 6 && name[0] === meant[0] && distance(name, meant) <= 2
    return near || name.startsWith("HERALD_") ? [`${name} is no setting: did you mean ${meant}?`] : []
  })

const wrongWebhooks = (settings: SettingsShape): string | undefined => {
  const { webhookUrls, webhookSecret, webhookPrivate, webhookTimeout, kafkaBrokers } = settings
  if (webhookUrls === undefined) return undefined
  if (kafkaBrokers === undefined)
    return "webhook.urls needs Kafka: webhooks are made from its topic. Set KAFKA_BROKERS, or unset WEBHOOK_URLS"
  if (webhookSecret === undefined)
    return "webhook.urls needs webhook.secret, which signs what is sent: WEBHOOK_SECRET=whsec_$(openssl rand -base64 32)"
  if (webhookPrivate === "refused" && Redacted.value(webhookUrls).some((url) => /^http:/i.test(url)))
    return "webhook.urls has a URL with http; use https, or webhook.private=allowed for receivers in your own network"
  return webhookTimeout < 100 || webhookTimeout > 60_000 ? "webhook.timeout must be from 100ms to 60s" : undefined
}

/** Settings that are right alone and wrong with each other. */
const wrongTogether = (settings: SettingsShape): string | undefined => {
  const { heartbeatTimeout, heartbeatInterval, redisUrl, redisMode } = settings
  if (heartbeatTimeout <= heartbeatInterval) return "heartbeat.timeout must be longer than heartbeat.interval"
  const webhooks = wrongWebhooks(settings)
  if (webhooks !== undefined) return webhooks
  const addresses = redisUrl === undefined ? undefined : parseAddresses(Redacted.value(redisUrl))
  if (addresses === undefined) return undefined
  if (redisMode === "single" && addresses.nodes.length > 1)
    return "redis.url has several addresses; redis.mode must then be sentinel or cluster"
  if (redisMode === "cluster" && addresses.db !== 0)
    return "redis.url names a database by its number; a Redis Cluster has only 0"
  return undefined
}

/** Fails with what is wrong, for a person. */
export const resolveSettings = ({ env, file, dataDir, hostname }: Sources): Result.Result<Resolved, string> => {
  const read =
    file === undefined ? Result.succeed(new Map<string, Placed>()) : readSettingsFile(file.path, file.content)
  if (Result.isFailure(read)) return Result.fail(read.failure)
  const values: Record<string, unknown> = {}
  const found: Array<Found> = []
  for (const [name, setting] of settings) {
    const { path, kind } = setting
    const placed = read.success.get(path)
    const fromEnv = env[setting.env] || undefined // empty is as good as unset
    const [raw, from, at]: readonly [Raw | undefined, Origin, string] =
      name === "dataDir" && dataDir !== undefined
        ? [dataDir, "flag", "--data"]
        : fromEnv !== undefined
          ? [fromEnv, "environment", setting.env]
          : placed !== undefined
            ? [placed.raw, "file", `${file!.path}:${placed.line}`]
            : [undefined, "default", ""]
    const fallback = name === "node" ? hostname : setting.fallback
    const value = raw === undefined ? fallback : kind.read(raw)
    if (raw !== undefined && value === undefined) {
      const where = from === "file" ? `${path} in ${file!.path}, line ${placed!.line},` : at
      return Result.fail(`${where} is ${kind.secret ? "not valid" : JSON.stringify(raw)}; it must be ${kind.expected}`)
    }
    values[name] = value
    found.push({ name, setting: path, environment: setting.env, shown: kind.show(value), from, at })
  }
  const resolved = values as SettingsShape
  const wrong = wrongTogether(resolved)
  if (wrong !== undefined) return Result.fail(wrong)
  return Result.succeed({ values: resolved, found, warnings: warningsOf(env) })
}
