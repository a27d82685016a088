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
import { type EverySetting, type Settings, settings } from "./Catalogue.ts"
import { groups } from "./Groups.ts"
import type { Raw } from "./Kind.ts"
import { distance, nearest } from "./Nearest.ts"
import { parseAddresses } from "./RedisUrl.ts"
import { everyOf, shapeOf } from "./Setting.ts"
import { type Placed, readSettingsFile } from "./SettingsFile.ts"

export type Origin = "flag" | "environment" | "file" | "default"

export interface Found {
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
  readonly values: Settings
  readonly found: ReadonlyArray<Found>
  readonly warnings: ReadonlyArray<string>
}

/** Read elsewhere: by the loader, and by the command line. */
const ELSEWHERE = ["HERALD_CONFIG", "HERALD_SERVER", "HERALD_GRPC", "HERALD_TOKEN", "HERALD_ENV"]
const known = [...settings.map(({ env }) => env), ...ELSEWHERE]

/** QS3: ours by prefix, or at most two letters away from a known name that begins alike. */
const warningsOf = (env: Sources["env"]): ReadonlyArray<string> =>
  Object.keys(env).flatMap((name) => {
    if (known.includes(name) || (env[name] ?? "") === "") return []
    const meant = nearest(name, known)
    const near = name.length >= 6 && name[0] === meant[0] && distance(name, meant) <= 2
    return near || name.startsWith("HERALD_") ? [`${name} is no setting: did you mean ${meant}?`] : []
  })

const wrongWebhooks = ({ webhooks, kafka }: EverySetting): string | undefined => {
  const { urls, secret, allowPrivate, timeout } = webhooks
  if (urls === undefined) return undefined
  if (kafka.brokers === undefined)
    return "webhook.urls needs Kafka: webhooks are made from its topic. Set KAFKA_BROKERS, or unset WEBHOOK_URLS"
  if (secret === undefined)
    return "webhook.urls needs webhook.secret, which signs what is sent: WEBHOOK_SECRET=whsec_$(openssl rand -base64 32)"
  if (!allowPrivate && Redacted.value(urls).some((url) => /^http:/i.test(url)))
    return "webhook.urls has a URL with http; use https, or webhook.private=allowed for receivers in your own network"
  return timeout < 100 || timeout > 60_000 ? "webhook.timeout must be from 100ms to 60s" : undefined
}

/** Settings that are right alone and wrong with each other. */
const wrongTogether = (settings: EverySetting): string | undefined => {
  const { heartbeatTimeout, heartbeatInterval } = settings.sessions
  const { url, mode } = settings.redis
  if (heartbeatTimeout <= heartbeatInterval) return "heartbeat.timeout must be longer than heartbeat.interval"
  const webhooks = wrongWebhooks(settings)
  if (webhooks !== undefined) return webhooks
  const addresses = url === undefined ? undefined : parseAddresses(Redacted.value(url))
  if (addresses === undefined) return undefined
  if (mode === "single" && addresses.nodes.length > 1)
    return "redis.url has several addresses; redis.mode must then be sentinel or cluster"
  if (mode === "cluster" && addresses.db !== 0)
    return "redis.url names a database by its number; a Redis Cluster has only 0"
  return undefined
}

/** Fails with what is wrong, for a person. */
export const resolveSettings = ({ env, file, dataDir, hostname }: Sources): Result.Result<Resolved, string> => {
  const read =
    file === undefined ? Result.succeed(new Map<string, Placed>()) : readSettingsFile(file.path, file.content)
  if (Result.isFailure(read)) return Result.fail(read.failure)
  const values = new Map<string, unknown>()
  const found: Array<Found> = []
  for (const setting of settings) {
    const { path, kind } = setting
    const placed = read.success.get(path)
    const fromEnv = env[setting.env] || undefined // empty is as good as unset
    const [raw, from, at]: readonly [Raw | undefined, Origin, string] =
      path === "dataDir" && dataDir !== undefined
        ? [dataDir, "flag", "--data"]
        : fromEnv !== undefined
          ? [fromEnv, "environment", setting.env]
          : placed !== undefined
            ? [placed.raw, "file", `${file!.path}:${placed.line}`]
            : [undefined, "default", ""]
    const fallback = path === "node" ? hostname : setting.fallback
    const value = raw === undefined ? fallback : kind.read(raw)
    if (raw !== undefined && value === undefined) {
      const where = from === "file" ? `${path} in ${file!.path}, line ${placed!.line},` : at
      return Result.fail(`${where} is ${kind.secret ? "not valid" : JSON.stringify(raw)}; it must be ${kind.expected}`)
    }
    values.set(path, value)
    found.push({ setting: path, environment: setting.env, shown: kind.show(value), from, at })
  }
  const wrong = wrongTogether(everyOf(groups, values))
  if (wrong !== undefined) return Result.fail(wrong)
  return Result.succeed({ values: shapeOf(groups, values), found, warnings: warningsOf(env) })
}
