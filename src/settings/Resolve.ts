/**
 * Finds the value of each setting and where it came from: a flag, the environment, the file, or its default, in that order. Pure.
 *
 *   Q2   An unknown name in the file or a wrong value stops the start and says which, why, and the nearest right name.
 *   QS1  Whoever asks, the server or `herald settings`, finds the same values; a secret is never shown.
 *   QS2  What is wrong in the file is told with its line.
 *   QS3  A name in the environment that looks like one of ours and is not gets a warning with the nearest right name.
 */
import * as Result from "effect/Result"
import { distance, nearest } from "../text/Nearest.ts"
import { type EverySetting, type Settings, settings } from "./Catalogue.ts"
import type { Raw } from "./Form.ts"
import { groups, rules } from "./Groups.ts"
import { shapeOf, valuesOf } from "./Setting.ts"
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

/** Names in the environment that are no settings: the loader and the command line read them. */
const ELSEWHERE = ["CONFIG", "SERVER", "GRPC", "TOKEN", "ENV", "CONTEXT", "CONTEXTS", "EDITOR"].map(
  (name) => `HERALD_${name}`
)
const known = [...settings.map(({ env }) => env), ...ELSEWHERE]

/** Warns of names that begin as ours do, or differ by at most two letters from a known name that begins alike. QS3 */
const warningsOf = (env: Sources["env"]): ReadonlyArray<string> =>
  Object.keys(env).flatMap((name) => {
    if (known.includes(name) || (env[name] ?? "") === "") return []
    const meant = nearest(name, known)
    const near = name.length >= 6 && name[0] === meant[0] && distance(name, meant) <= 2
    return near || name.startsWith("HERALD_") ? [`${name} is no setting: did you mean ${meant}?`] : []
  })

/** What the first broken rule says of settings that are right alone and wrong together. */
const wrongTogether = (all: EverySetting): string | undefined => {
  for (const rule of rules) {
    const wrong = rule(all)
    if (wrong !== undefined) return wrong
  }
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
    const { path, form } = setting
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
    const value = raw === undefined ? fallback : form.read(raw)
    if (raw !== undefined && value === undefined) {
      const where = from === "file" ? `${path} in ${file!.path}, line ${placed!.line},` : at
      const why = form.secret ? undefined : form.why?.(raw)
      const is = form.secret ? "not valid" : JSON.stringify(raw)
      return Result.fail(`${where} is ${is}; it must be ${form.expected}${why === undefined ? "" : `: ${why}`}`)
    }
    values.set(path, value)
    found.push({ setting: path, environment: setting.env, shown: form.show(value), from, at })
  }
  const wrong = wrongTogether(valuesOf(groups, values))
  if (wrong !== undefined) return Result.fail(wrong)
  return Result.succeed({ values: shapeOf(groups, values), found, warnings: warningsOf(env) })
}
