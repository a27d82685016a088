/**
 * Where a host's name points now.
 *
 *   SD3  A name is asked for again every 30 s, and every second while it is unknown; meanwhile the last address counts. That a name is
 *        unknown is said once, and once when it is known again.
 */
import { lookup } from "node:dns/promises"
import { Clock, Effect } from "effect"

export interface Address {
  readonly address: string
  /** 4 or 6. */
  readonly family: number
}

/** IPv4 first: over UDP nothing tells that nobody listens at the other address. */
const system = (name: string): Promise<Address> => lookup(name, { order: "ipv4first" })

const AGAIN = 30_000_000_000n
const PATIENCE = "2 seconds"

/** The current address, each time it is asked; undefined while there was none yet. `ask` is the system's resolver. */
export const makeTarget = (
  host: string,
  ask: (name: string) => Promise<Address> = system
): Effect.Effect<Address | undefined> => {
  const name = host.replace(/^\[|\]$/g, "")
  let known: Address | undefined
  let askedAt: bigint | undefined
  let unknown = false

  const asked = Effect.tryPromise({ try: () => ask(name), catch: (cause) => cause as Error }).pipe(
    Effect.timeoutOrElse({ duration: PATIENCE, orElse: () => Effect.fail(new Error("no answer of the resolver")) }),
    Effect.matchEffect({
      onSuccess: (found) => {
        const again = unknown
        unknown = false
        known = found
        return again ? Effect.logInfo("the name of the StatsD server is known again", { host, ...found }) : Effect.void
      },
      onFailure: ({ message }) => {
        const first = !unknown
        unknown = true
        return first
          ? Effect.logWarning("the name of the StatsD server is unknown", { host, reason: message })
          : Effect.void
      }
    })
  )

  return Effect.gen(function* () {
    const now = (yield* Clock.Clock).monotonicTimeNanosUnsafe()
    if (askedAt === undefined || unknown || now - askedAt >= AGAIN) {
      askedAt = now
      yield* asked
    }
    return known
  })
}
