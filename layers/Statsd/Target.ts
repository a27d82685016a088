/**
 * Keeps track of the address that a host's name stands for.
 *
 *   SD3  A name is resolved again every 30 s, and every second while it is unknown; meanwhile the last address counts. That a name is
 *        unknown is logged once, and once when it is known again.
 */
import { lookup } from "node:dns/promises"
import { Clock, Effect } from "effect"

export interface Address {
  readonly address: string
  /** 4 or 6. */
  readonly family: number
}

/** IPv4 first: over UDP one never learns that nobody listens at the other address. */
const system = (name: string): Promise<Address> => lookup(name, { order: "ipv4first" })

const AGAIN = 30_000_000_000n
const PATIENCE = "2 seconds"

/** The current address, whenever this runs; undefined as long as there has been none. `ask`: the system's resolver when left out. */
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
