/**
 * What it costs to let a request in that shows what the node knows: an API key, a JWT that was checked before, a client certificate. Who it is,
 * its limits, and whether it may: time of a processor, collecting garbage included. One process, no database.
 *
 *   node bench/access.ts        --short: 2,000 requests a run instead of 200,000
 */
import { X509Certificate } from "node:crypto"
import { readFileSync } from "node:fs"
import { Effect, Layer, ManagedRuntime } from "effect"
import * as KeyHash from "../layers/Crypto/access/KeyHash.ts"
import * as Memory from "../layers/Memory/Memory.ts"
import * as Certificates from "../layers/Sockets/access/Certificates.ts"
import { namesIn } from "../layers/Sockets/PeerCertificate.ts"
import { Access, type AccessOptions, requirePermission } from "../src/access/Access.ts"
import { decide, type Grant } from "../src/access/Decision.ts"

import { CurrentIdentity, system } from "../src/access/Identity.ts"
import type { Shown } from "../src/access/Shown.ts"
import { TokenVerifier } from "../src/access/TokenVerifier.ts"
import { makeCertificates } from "../test/support/Certificates.ts"
import { newFolder } from "../test/support/folder.ts"
import { main, type Options, type Report, repeat } from "./support/Report.ts"

const ENVIRONMENT = "production"
const SAN = "spiffe://example.org/bench"
const act = (n: number) =>
  ({
    permission: "config.write",
    environment: ENVIRONMENT,
    on: { kind: "config", key: `team${n % 100}.setting` }
  }) as const
const rate = { perSecond: 1e9, burst: 1e9 }

/** Checks no signature: that is done once for each token, and not what is measured. */
const verifier = Layer.succeed(TokenVerifier, {
  issuer: "https://login.example.org",
  generation: () => 0,
  has: () => true,
  stillHas: () => Effect.succeed(true),
  verify: () =>
    Effect.succeed({
      ...{ issuer: "https://login.example.org", subject: "bench", until: Date.now() + 3_600_000, signer: "one" },
      claims: { groups: ["ops"] }
    })
})

/** About as long as those of issuers are. */
const JWT = `${"h".repeat(100)}.${"c".repeat(600)}.${"s".repeat(342)}`

interface Way {
  readonly what: string
  /** What is shown, by a node that gives it this. */
  readonly show: (access: Access["Service"], grant: Grant) => Effect.Effect<Shown, unknown>
  /** Patterns of keys. */
  readonly keys?: ReadonlyArray<string>
  /** With limits of the door and of the environment, and what headers tell of all three. */
  readonly limits?: true
}

const bySystem = Effect.provideService(CurrentIdentity, system)
const keyOf: Way["show"] = (access, grant) =>
  bySystem(
    Effect.map(access.createKey({ ...grant, name: "bench", expiresAt: null }), ({ token }) => ({
      token: `Bearer ${token}`
    }))
  )
const narrow = Array.from({ length: 100 }, (_, n) => `team${n}.*`)

const waysOf = (certificate: Shown["certificate"]): ReadonlyArray<Way> => [
  { what: "an API key", show: keyOf },
  { what: "an API key with 100 patterns of keys", show: keyOf, keys: narrow },
  { what: "an API key, with limits of its door and environment, told in headers", show: keyOf, limits: true },
  { what: "a JWT that was checked before", show: () => Effect.succeed({ token: `Bearer ${JWT}` }) },
  {
    what: "a JWT with 100 patterns of keys and three limits",
    show: () => Effect.succeed({ token: `Bearer ${JWT}` }),
    ...{ keys: narrow, limits: true }
  },
  { what: "a client certificate", show: () => Effect.succeed({ certificate }) },
  {
    what: "a client certificate with 100 patterns of keys and three limits",
    show: () => Effect.succeed({ certificate }),
    ...{ keys: narrow, limits: true }
  }
]

/** Microseconds of a processor for one, whoever else keeps the machine busy. */
const each = async (times: number, work: () => Promise<void> | void) => {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / times
}

const measureOnce = async (times: number, { show, keys, limits }: Way, authority: string) => {
  const grant: Grant = {
    ...{ role: "publisher", environments: [ENVIRONMENT] },
    ...(keys === undefined ? {} : { keys, kinds: ["config", "flag"] })
  }
  const options: AccessOptions = {
    ...{ pepper: "pepper", ratePerSecond: rate.perSecond, burst: rate.burst },
    jwt: { rules: [{ claim: "groups", value: "ops", grant }], nameClaim: undefined },
    ...(limits === true
      ? {
          limits: [
            { door: "http", ...rate },
            { environment: ENVIRONMENT, ...rate }
          ]
        }
      : {})
  }
  const certificates = Certificates.layer({
    authorities: [[authority, "TLS_CLIENT_CA"]],
    identities: JSON.stringify([{ san: SAN, grant }])
  })
  const layer = Access.layer(options).pipe(Layer.provide([KeyHash.layer, Memory.layer, verifier, certificates]))
  await using runtime = ManagedRuntime.make(layer)
  const access = await runtime.runPromise(Access)
  const { recognise, charge, told } = await runtime.runPromise(access.atOnce)
  const door = { door: "http", address: "192.0.2.1", environment: ENVIRONMENT } as const
  const shown: Shown = { ...(await runtime.runPromise(Effect.orDie(show(access, grant)))), ...door }
  await runtime.runPromise(access.authenticate(shown))
  let allowed = 0
  const quick = () => {
    const now = Date.now()
    for (let n = 0; n < times; n++) {
      const identity = recognise(shown)
      if (identity !== undefined && charge(identity, 1, ENVIRONMENT) && decide(identity, act(n), now).may) allowed++
      if (limits === true && identity !== undefined) told(identity, ENVIRONMENT)
    }
  }
  const asked = Effect.forEach(
    Array.from({ length: times }, (_, n) => act(n)),
    ({ permission, environment, on }) =>
      Effect.flatMap(access.authenticate(shown), (identity) => {
        if (limits === true) told(identity, ENVIRONMENT)
        return Effect.provideService(requirePermission(permission, environment, on), CurrentIdentity, identity)
      }),
    { discard: true }
  )
  const [known, fiber] = [await each(times, quick), await each(times, () => runtime.runPromise(asked))]
  return { known, fiber, wrong: allowed === times ? [] : [`${times - allowed} requests were refused`] }
}

const measure = async ({ short, runs }: Options): Promise<Report> => {
  const times = short ? 2_000 : 200_000
  const folder = newFolder()
  const { ca, certificate } = makeCertificates(folder.path, `URI:${SAN}`)
  const read = new X509Certificate(readFileSync(certificate))
  const shown = {
    subjectAltNames: namesIn(read.subjectAltName),
    notBefore: Date.parse(read.validFrom),
    ...{ der: read.raw, beside: [] }
  }
  const rows: Array<Report["rows"][number]> = []
  const wrong: Array<string> = []
  for (const way of waysOf(shown)) {
    const found = await repeat(runs, () => measureOnce(times, way, ca))
    wrong.push(...found.flatMap((one) => one.wrong.map((text) => `${way.what}: ${text}`)))
    const its = { reach: "≤ 30 µs", unit: "µs" }
    rows.push({ what: `${way.what}, at once`, ...its, values: found.map(({ known }) => known) })
    rows.push({ what: "… in a fiber", ...its, values: found.map(({ fiber }) => fiber) })
  }
  folder.remove()
  return { rows, notes: [], wrong }
}

if (import.meta.main) await main("access", measure)
