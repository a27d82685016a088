/**
 * Runs a real PostgreSQL in the data folder, for `npm start` and the tests.
 *
 *   EM1  It ends with its scope, within 5 s; when Herald is killed it ends by itself (EM3). One that is left all the same is ended
 *        by the next start.
 *   EM2  When it dies it is started again, on the same port.
 */
import { join } from "node:path"
import { Effect, Redacted, Schedule } from "effect"
import { failure } from "../../../src/errors/HeraldError.ts"
import { backoff } from "../../../src/net/Backoff.ts"
import { always } from "../../../src/telemetry/Every.ts"
import { findBinaries } from "./Binaries.ts"
import { prepareCluster, USER } from "./DatabaseFolder.ts"
import { freePort, type Postmaster, startPostmaster, stopOrphan, stopPostmaster } from "./Postmaster.ts"

/** Tries, each with another port, as somebody may take the free one first. */
const TRIES = 3
const AGAIN = { first: 100, longest: 2_000, spread: 0 }

/** `dataDir`: absolute. Returns where it serves. Fails `EmbeddedUnusable`. */
export const startEmbedded = Effect.fn("Embedded.start")(function* (dataDir: string) {
  const binaries = yield* findBinaries(dataDir)
  const password = yield* prepareCluster(dataDir, binaries)
  if (yield* Effect.promise(() => stopOrphan(binaries))) {
    yield* Effect.logWarning("an embedded PostgreSQL without a Herald was running and is ended", {
      cluster: binaries.cluster
    })
  }
  const log = join(dataDir, "postgres.log")
  const start = (port: number) =>
    Effect.tryPromise({
      try: () => startPostmaster(binaries, port, log),
      catch: (cause) =>
        failure(
          "EmbeddedUnusable",
          `the embedded PostgreSQL does not start: ${(cause as Error).message} (see ${log})`,
          {
            cause
          }
        )
    })

  let postmaster: Postmaster | undefined
  const begin = (port: number) => Effect.map(start(port), (started) => (postmaster = started))
  const port = yield* Effect.promise(freePort).pipe(
    Effect.tap(begin),
    Effect.retry({ times: TRIES - 1 }),
    Effect.uninterruptible
  )
  yield* Effect.addFinalizer(() => Effect.promise(async () => postmaster && (await stopPostmaster(postmaster)))) // EM1

  // EM2. It ends before the finalizer above runs. Sessions may outlive a killed postmaster for a moment, so it tries until they are gone.
  const again = Schedule.forever.pipe(
    Schedule.addDelay(({ attempt }) => Effect.succeed(backoff(AGAIN, attempt - 1, 0)))
  )
  const revive = Effect.suspend(() => Effect.promise(() => postmaster!.ended)).pipe(
    Effect.andThen(Effect.logError("the embedded PostgreSQL died and is started again", { port })),
    Effect.andThen(
      begin(port).pipe(
        Effect.uninterruptible,
        Effect.tapError((error) =>
          Effect.logWarning("the embedded PostgreSQL does not start yet", { reason: error.message })
        ),
        Effect.retry(again), // until it does
        Effect.orDie
      )
    ),
    Effect.andThen(Effect.logInfo("the embedded PostgreSQL serves again", { port }))
  )
  yield* Effect.forkScoped(always("the embedded PostgreSQL was not started again", revive))
  return {
    url: Redacted.make(`postgres://${USER}:${password}@127.0.0.1:${port}/postgres`),
    port,
    cluster: binaries.cluster
  }
})
