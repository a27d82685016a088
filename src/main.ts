/** The server's process: reads its arguments and settings, and runs until it is told to stop. */
import { createRequire } from "node:module"
import { fileURLToPath } from "node:url"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Cause, Effect, Exit, Layer } from "effect"
import { commitOf } from "../layers/Files/Commit.ts"
import { DataFolder } from "../layers/Files/DataFolder.ts"
import { resolve } from "../layers/Files/Settings.ts"
import * as Statsd from "../layers/Statsd/Statsd.ts"
import * as Runtime from "../layers/Telemetry/Runtime.ts"
import * as Streams from "../layers/Telemetry/Streams.ts"
import * as Telemetry from "../layers/Telemetry/Telemetry.ts"
import { help, readArguments } from "./node/Arguments.ts"
import { recover, run } from "./node/Run.ts"
import { cannotStart, say, stopped } from "./node/Welcome.ts"
import * as PerNode from "./telemetry/PerNode.ts"

const manifest = createRequire(import.meta.url)("../package.json") as {
  readonly version: string
  readonly commit?: string
}
const { version } = manifest
const commit = commitOf(fileURLToPath(new URL("..", import.meta.url)), manifest)

/** Until the settings are known. */
let logs: Telemetry.TelemetryOptions = { ...Telemetry.early(process.env), version }

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
  logs = { ...log, node, version }
  const warn = Effect.forEach(
    warnings,
    (warning) => Effect.logWarning("a setting should be looked at", { reason: warning }),
    { discard: true }
  )
  return yield* Streams.own.pipe(
    Effect.andThen(warn),
    Effect.andThen(given["recover-admin"] === true ? recover(settings) : run(settings, version)),
    Effect.provide([DataFolder.layer(dataDir), statsd === undefined ? Layer.empty : Statsd.layer({ ...statsd, node })]),
    Effect.onInterrupt(() => stopped),
    Effect.provide(Telemetry.layer({ ...logs, otlp })),
    Effect.provide(Layer.provideMerge(Runtime.layer({ version, commit }), PerNode.layer))
  )
}).pipe(
  Effect.as(0),
  Effect.catchCause((cause) =>
    Cause.hasInterruptsOnly(cause)
      ? Effect.failCause(cause)
      : cannotStart(cause, Telemetry.forPeople(logs.format)).pipe(Effect.provide(Telemetry.layer(logs)))
  )
)

Streams.keepGoing()

/** Told to stop and stopped: that is success. */
NodeRuntime.runMain(program, {
  disableErrorReporting: true,
  teardown: (exit, end) =>
    end(Exit.isSuccess(exit) ? (exit.value as number) : Cause.hasInterruptsOnly(exit.cause) ? 0 : 1)
})
