/** Runs a server, from its first layer to its last. */
import { randomUUID } from "node:crypto"
import { Effect, Layer, Redacted } from "effect"
import { signerOf } from "../../layers/Crypto/access/Ed25519.ts"
import * as KeyHash from "../../layers/Crypto/access/KeyHash.ts"
import { DataFolder } from "../../layers/Files/DataFolder.ts"
import { exempting } from "../../layers/Sockets/Gate.ts"
import * as Loop from "../../layers/Telemetry/Loop.ts"
import { Access } from "../access/Access.ts"
import { readRules } from "../access/ClaimRules.ts"
import { failure } from "../errors/HeraldError.ts"
import { readLimits } from "../limits/Rules.ts"
import type { Settings } from "../settings/Catalogue.ts"
import { addressesOf, doors } from "./Doors.ts"
import { events } from "./Events.ts"
import { lanes } from "./Lanes.ts"
import { nearbyOf, openOf } from "./Nearby.ts"
import * as Node from "./Node.ts"
import { retention } from "./Retention.ts"
import { certificates, requireSecrecy } from "./Secrecy.ts"
import { database, stores } from "./Stores.ts"
import { recovered, say, serving, welcome } from "./Welcome.ts"

const nodeOf = (settings: Settings, pepper: Redacted.Redacted | string) => {
  /** This life of this process, as the other nodes know it. */
  const run = randomUUID()
  const strangers = { nearby: nearbyOf(settings), shared: exempting(settings.gate.exempt) }
  const sessions = { ...settings.sessions, maxSessions: settings.grpc.maxStreams }
  const { beneath, beside } = events(settings, run)
  return Layer.mergeAll(beside, retention({ ...settings, run })).pipe(
    Layer.provideMerge(Node.services({ ...settings, run, pepper, sessions, strangers })),
    Layer.provide(Layer.mergeAll(lanes(settings), beneath, Loop.layer)),
    Layer.provideMerge(Layer.merge(certificates(settings), stores(settings, run)))
  )
}

/** WM1. With LOG_FORMAT=json a terminal, too, is a stream for machines: `docker run -t` keeps what it shows. */
const bannerFor = ({ log }: Settings) => process.stdout.isTTY === true && log.format !== "json"

/** With the key that signs the audit log. Fails `SettingsInvalid`. */
const withAuditKey = Effect.fnUntraced(function* (settings: Settings) {
  const folder = yield* DataFolder
  const key = settings.audit.key ?? Redacted.make(yield* folder.auditKey)
  if (signerOf(Redacted.value(key)) !== undefined) return { ...settings, audit: { key } }
  const where = settings.audit.key === undefined ? `audit-key in ${folder.path}` : "HERALD_AUDIT_KEY"
  return yield* failure(
    "SettingsInvalid",
    `${where} is no private key of Ed25519 in PEM: openssl genpkey -algorithm ed25519 makes one`
  )
})

/** Fails `SettingsInvalid`. */
const checkRules = ({ oidc, access }: Settings) => {
  const limits = readLimits(access.limits)
  if (typeof limits === "string") return failure("SettingsInvalid", `HERALD_LIMITS: ${limits}`)
  const rules = readRules(oidc?.roles ?? [])
  return typeof rules === "string" ? failure("SettingsInvalid", `HERALD_OIDC_ROLES: ${rules}`) : Effect.void
}

/** Serves until it is interrupted. Fails `SettingsInvalid`, `DatabaseUnavailable`. */
export const run = Effect.fnUntraced(function* (given: Settings, version: string) {
  const folder = yield* DataFolder
  yield* requireSecrecy(given)
  const settings = yield* withAuditKey(given)
  yield* checkRules(settings)
  const context = yield* Layer.build(nodeOf(settings, settings.pepper ?? (yield* folder.pepper)))
  // Before a door is open, so that whoever is told that the server is ready finds the token. A5
  const token = yield* Effect.provideContext(
    Effect.flatMap(Access, ({ bootstrap }) => bootstrap),
    context
  )
  const tokenFile = token === undefined ? undefined : yield* folder.keepAdminToken(token)
  const opened = yield* Layer.build(doors(settings).pipe(Layer.provide(Layer.succeedContext(context))))
  const addresses = yield* addressesOf(settings, opened)
  yield* Effect.acquireRelease(folder.announce(addresses), () => folder.retract)
  const embedded = settings.database.url === undefined
  const open = openOf(settings)
  const ready = { version, ...addresses, folder: folder.path, embedded, token, open }
  yield* serving(ready, tokenFile)
  if (bannerFor(settings)) yield* say(welcome(ready))
  yield* Effect.addFinalizer(() => Effect.logInfo("Herald is stopping"))
  return yield* Effect.never
}, Effect.scoped)

/** A6. Needs the pepper and the database of the nodes, as no node takes a key that was made with another pepper. */
export const recover = Effect.fnUntraced(function* (settings: Settings) {
  const folder = yield* DataFolder
  const pepper = settings.pepper ?? (yield* folder.keptPepper)
  if (pepper === undefined)
    return yield* failure("SettingsInvalid", `there is no pepper in ${folder.path}: give the nodes' folder with --data`)
  const access = Access.layer({ pepper, ...settings.access, limits: [] })
  const token = yield* Effect.flatMap(Access, (it) => it.recover).pipe(
    Effect.provide(access.pipe(Layer.provide([database(settings), KeyHash.layer])))
  )
  yield* say(recovered(yield* folder.keepAdminToken(token), token, process.stdout.isTTY === true))
}, Effect.scoped)
