/** Loads the settings of this process: reads the file, and has `src/settings` find each value. */
import { readFileSync } from "node:fs"
import { hostname } from "node:os"
import { Effect, Result } from "effect"
import { failure } from "../../src/errors/HeraldError.ts"
import { resolveSettings } from "../../src/settings/Resolve.ts"

export type { Settings } from "../../src/settings/Catalogue.ts"

export interface LoadOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Path of a YAML file; when left out, HERALD_CONFIG may name one. */
  readonly configFile?: string | undefined
  readonly dataDir?: string | undefined
}

/** Fails `SettingsInvalid`. */
export const resolve = Effect.fnUntraced(function* ({ env, configFile, dataDir }: LoadOptions) {
  const path = configFile ?? (env["HERALD_CONFIG"] || undefined)
  const file =
    path === undefined
      ? undefined
      : yield* Effect.try({
          try: () => ({ path, content: readFileSync(path, "utf8") }),
          catch: (cause) =>
            failure("SettingsInvalid", `the settings file ${path} can't be read: ${(cause as Error).message}`)
        })
  const resolved = resolveSettings({ env, file, dataDir, hostname: hostname() })
  return yield* Result.isFailure(resolved)
    ? Effect.fail(failure("SettingsInvalid", resolved.failure))
    : Effect.succeed(resolved.success)
})

/** Fails `SettingsInvalid`. */
export const load = (options: LoadOptions) => Effect.map(resolve(options), ({ values }) => values)
