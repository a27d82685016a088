/**
 * What it costs to let a request in that shows an API key which the node knows: who it is, and whether it may. One process, no database.
 *
 *   node bench/access.ts        --short: 2,000 requests a run instead of 200,000
 */
import { Effect, Layer, ManagedRuntime } from "effect"
import * as KeyHash from "../layers/Crypto/access/KeyHash.ts"
import * as Memory from "../layers/Memory/Memory.ts"
import { Access, type KeyOptions, requirePermission } from "../src/access/Access.ts"
import { decide } from "../src/access/Decision.ts"
import { CurrentIdentity, system } from "../src/access/Identity.ts"
import { main, type Options, type Report, repeat } from "./support/Report.ts"

const ENVIRONMENT = "production"
const act = (n: number) =>
  ({
    permission: "config.write",
    environment: ENVIRONMENT,
    on: { kind: "config", key: `team${n % 100}.setting` }
  }) as const

const layer = Access.layer({ pepper: "pepper", ratePerSecond: 1e9, burst: 1e9 }).pipe(
  Layer.provide([KeyHash.layer, Memory.layer])
)

/** Microseconds of one. */
const each = async (times: number, work: () => Promise<void> | void) => {
  const before = performance.now()
  await work()
  return ((performance.now() - before) * 1_000) / times
}

const measureOnce = async (times: number, keys: KeyOptions["keys"]) => {
  await using runtime = ManagedRuntime.make(layer)
  const access = await runtime.runPromise(Access)
  const wish = { name: "bench", role: "publisher", environments: [ENVIRONMENT], expiresAt: null } as const
  const { token } = await runtime.runPromise(
    access
      .createKey({ ...wish, ...(keys === undefined ? {} : { keys, kinds: ["config", "flag"] }) })
      .pipe(Effect.provideService(CurrentIdentity, system))
  )
  const { recognise, charge } = await runtime.runPromise(access.atOnce)
  const bearer = `Bearer ${token}`
  let allowed = 0
  const quick = () => {
    const now = Date.now()
    for (let n = 0; n < times; n++) {
      const identity = recognise({ token: bearer })
      if (identity !== undefined && charge(identity, 1) && decide(identity, act(n), now).may) allowed++
    }
  }
  const asked = Effect.forEach(
    Array.from({ length: times }, (_, n) => act(n)),
    ({ permission, environment, on }) =>
      Effect.flatMap(access.authenticate({ token: bearer }), (identity) =>
        Effect.provideService(requirePermission(permission, environment, on), CurrentIdentity, identity)
      ),
    { discard: true }
  )
  const [known, fiber] = [await each(times, quick), await each(times, () => runtime.runPromise(asked))]
  return { known, fiber, wrong: allowed === times ? [] : [`${times - allowed} requests were refused`] }
}

const measure = async ({ short, runs }: Options): Promise<Report> => {
  const times = short ? 2_000 : 200_000
  const narrow = Array.from({ length: 100 }, (_, n) => `team${n}.*`)
  const wide = await repeat(runs, () => measureOnce(times, undefined))
  const found = await repeat(runs, () => measureOnce(times, narrow))
  const row = (what: string, values: ReadonlyArray<number>) => ({ what, reach: "≤ 30 µs", unit: "µs", values })
  return {
    rows: [
      row(
        "an API key, at once",
        wide.map(({ known }) => known)
      ),
      row(
        "an API key with 100 patterns of keys, at once",
        found.map(({ known }) => known)
      ),
      row(
        "an API key, in a fiber, with the hash of its secret",
        wide.map(({ fiber }) => fiber)
      ),
      row(
        "the same with 100 patterns of keys",
        found.map(({ fiber }) => fiber)
      )
    ],
    notes: [],
    wrong: [...wide, ...found].flatMap(({ wrong }) => wrong)
  }
}

if (import.meta.main) await main("access", measure)
