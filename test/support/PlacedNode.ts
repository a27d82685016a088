/**
 * A node that takes part in placement and does nothing else, as a process of its own. Arguments: the database's address, the node's name,
 * how many pieces of work there are. Prints a line of JSON when each begins and ends, and each time that it takes a step.
 */
import { randomUUID } from "node:crypto"
import process from "node:process"
import { Effect, Layer } from "effect"
import * as Clustered from "../../layers/Cluster/placement/Placement.ts"
import * as Postgres from "../../layers/Postgres/Postgres.ts"
import { Placement } from "../../src/placement/Placement.ts"
import { clientOptions } from "./Database.ts"
import { kinds } from "./Twins.ts"

const [url = "", node = "", count = "0"] = process.argv.slice(2)
const run = randomUUID()

export interface Line {
  readonly what: "ready" | "begins" | "step" | "ends"
  readonly name: string
  readonly run: string
  /** Milliseconds since 1970. All processes are on one machine. */
  readonly at: number
}

const say = (what: Line["what"], name = ""): Effect.Effect<void> =>
  Effect.sync(
    () => void process.stdout.write(`${JSON.stringify({ what, name, run, at: Date.now() } satisfies Line)}\n`)
  )

const work = (name: string) =>
  Effect.acquireUseRelease(
    say("begins", name),
    () => Effect.forever(Effect.andThen(Effect.sleep("50 millis"), say("step", name))),
    () => say("ends", name)
  )

const program = Effect.gen(function* () {
  const placement = yield* Placement
  for (let at = 0; at < Number(count); at++) yield* placement.single(`work-${at}`, work(`work-${at}`))
  yield* say("ready")
  yield* Effect.never
}).pipe(
  Effect.scoped,
  Effect.provide(
    Clustered.layer({ run, node }).pipe(
      Layer.provide(Postgres.layer(clientOptions(url, { acquireTimeout: 2_000 }))),
      Layer.provide(kinds)
    )
  )
)

const controller = new AbortController()
process.once("SIGTERM", () => controller.abort())
await Effect.runPromise(program, { signal: controller.signal }).catch((error: unknown) => {
  if (!controller.signal.aborted) throw error
})
