/** Starts threads of node:worker_threads when they are needed, each with a limit of memory. */
import { availableParallelism } from "node:os"
import { Worker } from "node:worker_threads"
import { Deferred, Effect, Layer, Queue } from "effect"
import { failure } from "../../../src/errors/HeraldError.ts"
import { type Heard, Threads } from "../../../src/work/Threads.ts"

export interface ThreadsOptions {
  /** At least 2, so that one identity never holds all of them. */
  readonly count: number
  /** Megabytes of a thread's heap. */
  readonly memory: number
  /** The module that a thread runs; another one in tests. */
  readonly module: URL
}

const threadsDefaults: ThreadsOptions = {
  count: Math.max(2, Math.min(4, availableParallelism() - 1)),
  memory: 256,
  module: new URL("./thread.ts", import.meta.url)
}

const START = "30 seconds"

export const layer = (options: Partial<ThreadsOptions> = {}) => {
  const { count, memory, module } = { ...threadsDefaults, ...options }
  const start = Effect.gen(function* () {
    const heard = yield* Queue.unbounded<Heard>()
    const ready = yield* Deferred.make<void, string>()
    let alive = true
    const worker = new Worker(module, {
      name: "herald-work",
      resourceLimits: { maxOldGenerationSizeMb: memory, maxYoungGenerationSizeMb: 32, stackSizeMb: 4 }
    })
    const died = (reason: string) => {
      if (!alive) return
      alive = false
      Queue.offerUnsafe(heard, { _tag: "Died", reason })
      Deferred.doneUnsafe(ready, Effect.fail(reason))
    }
    worker
      .on("message", (said: Heard | "ready") => {
        if (said === "ready") Deferred.doneUnsafe(ready, Effect.void)
        else Queue.offerUnsafe(heard, said)
      })
      .on("error", (error: Error) => died(error.message)) // TH1
      .on("exit", (code) => died(`it ended with code ${code}`))
    const used = async (): Promise<number | undefined> => {
      try {
        const { user, system } = await worker.cpuUsage() // not under Deno
        return (user + system) / 1_000
      } catch {
        return undefined
      }
    }
    const meter = () => {
      const before = used()
      return Effect.promise(async () => {
        const [from, to] = [await before, await used()]
        return from === undefined || to === undefined ? undefined : to - from
      })
    }
    const end = Effect.promise(async () => {
      alive = false
      await worker.terminate()
    })
    yield* Deferred.await(ready).pipe(
      Effect.timeoutOrElse({ duration: START, orElse: () => Effect.fail("no answer") }),
      Effect.onError(() => end),
      Effect.mapError((reason) => failure("Internal", `a worker thread does not start: ${reason}`))
    )
    worker.unref()
    return { tell: (job: unknown) => worker.postMessage(job), heard, alive: () => alive, meter, end }
  })
  return Layer.succeed(Threads, { count, start })
}
