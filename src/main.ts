/** The server's process: reads its arguments and settings, and runs until it is told to stop. */
import { createRequire } from "node:module"
import { NodeRuntime } from "@effect/platform-node"
import { Cause, Effect, Exit, Layer } from "effect"
import { DataFolder } from "../layers/Files/DataFolder.ts"
import { resolve } from "../layers/Files/Settings.ts"
import * as Statsd from "../layers/Statsd/Statsd.ts"
import * as Telemetry from "../layers/Telemetry/Telemetry.ts"
import { help, readArguments } from "./node/Arguments.ts"
import { recover, run } from "./node/Run.ts"
import { say, sorry } from "./node/Welcome.ts"
import * as PerNode from "./telemetry/PerNode.ts"

const { version } = createRequire(import.meta.url)("../package.json") as { readonly version: string }

const program = Effect.gen(function* () {
  const given = yield* readArguments
  if (given.help === true) return yield* say(help(version))
  if (given.version === true) return yield* say(`${version}\n`)
  const { values: settings, warnings } = yield* resolve({
    env: process.env,
    configFile: given.config,
    dataDir: given.data
  })
  const { node, dataDir, log, otlp, statsd } = settings
  const warn = Effect.forEach(warnings, (warning) => Effect.logWarning(warning), { discard: true })
  return yield* warn.pipe(
    Effect.andThen(given["recover-admin"] === true ? recover(settings) : run(settings, version)),
    Effect.provide([DataFolder.layer(dataDir), statsd === undefined ? Layer.empty : Statsd.layer({ ...statsd, node })]),
    Effect.provide(Telemetry.layer({ ...log, otlp, node, version })),
    Effect.provide(PerNode.layer)
  )
}).pipe(
  Effect.as(0),
  Effect.catch((error) =>
    Effect.sync(() => {
      process.stderr.write(sorry(error))
      return error.row.exit
    })
  )
)

/** Told to stop and stopped: that is success. */
NodeRuntime.runMain(program, {
  teardown: (exit, end) =>
    end(Exit.isSuccess(exit) ? (exit.value as number) : Cause.hasInterruptsOnly(exit.cause) ? 0 : 1)
})
