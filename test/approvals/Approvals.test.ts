/** The use cases on change requests, on memory twins: who asks, approves and applies, by whatever they signed in with. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as KeyHashes from "../../layers/Crypto/access/KeyHash.ts"
import * as Memory from "../../layers/Memory/Memory.ts"
import { State } from "../../layers/Memory/State.ts"
import { Access } from "../../src/access/Access.ts"
import { type ApiKey, ApiKeyStore } from "../../src/access/ApiKeyStore.ts"
import { Certificates } from "../../src/access/Certificates.ts"
import type { ClaimRule } from "../../src/access/ClaimRules.ts"
import { CurrentIdentity, type Identity, identityOf, system } from "../../src/access/Identity.ts"
import { KeyHash } from "../../src/access/KeyHash.ts"
import { Approvals } from "../../src/approvals/Approvals.ts"
import * as Judging from "../../src/approvals/Judging.ts"
import type { Protected } from "../../src/approvals/Protection.ts"
import type { CommitOptions } from "../../src/commits/Request.ts"
import { AsRequest, Requested } from "../../src/commits/Requesting.ts"
import { Configurations } from "../../src/configuration/Configurations.ts"
import type { HeraldError } from "../../src/errors/HeraldError.ts"
import { Flags } from "../../src/flags/Flags.ts"
import { ConnectedClients } from "../../src/fleet/ConnectedClients.ts"
import { outcome, person } from "../support/Approvals.ts"
import { below, propagation } from "../support/Twins.ts"

const IN = "production"
const ops: ClaimRule = { claim: "groups", value: "ops", grant: { role: "publisher", environments: ["*"] } }

const access = Access.layer({
  ...{ pepper: "p", ratePerSecond: 10_000, burst: 10_000 },
  jwt: { rules: [ops], nameClaim: undefined }
})

const nobody = { of: () => undefined, identify: () => undefined, whyNot: () => undefined }
/** `ended`: key ids of certificates that are no longer good. */
const node = (ended: ReadonlySet<string> = new Set()) =>
  Approvals.layer.pipe(
    Layer.provideMerge(Layer.merge(Configurations.layer, Flags.layer)),
    Layer.provide(Judging.rules),
    Layer.provideMerge(access),
    Layer.provide(Layer.succeed(Certificates, { ...nobody, isGood: (keyId: string) => !ended.has(keyId) })),
    Layer.provideMerge(KeyHashes.layer),
    Layer.provide(Layer.succeed(ConnectedClients, { covering: () => Effect.succeed([]) })),
    Layer.provideMerge(propagation()),
    Layer.provideMerge(below(Memory.layerOn(new State()))),
    Layer.fresh
  )

const as = (identity: Identity) => Effect.provideService(CurrentIdentity, identity)
const keyed = (key: ApiKey): Identity => identityOf(key)

const rules = {
  patterns: ["pay.*"],
  kinds: null,
  approvals: 1,
  roles: ["publisher", "admin"],
  lasts: 3_600_000
} as const
const protect = (changed: Partial<Protected> = {}) =>
  Effect.flatMap(Approvals, (approvals) =>
    approvals.protect(IN, "pay", { ...rules, ...changed }, { message: "" }).pipe(as(system))
  )
const publish = (who: Identity, key: string, value: string, options: Partial<CommitOptions> = {}) =>
  Effect.flatMap(Configurations, (configurations) =>
    configurations.publish([{ environment: IN, key, value, typeIfNew: value.startsWith('{"') ? "json" : "string" }], {
      message: "",
      ...options
    })
  ).pipe(as(who))

/** The id and the digest of what waits. */
const waiting = Effect.fnUntraced(function* <A, R>(asked: Effect.Effect<A, HeraldError, R>) {
  const refused = yield* Effect.flip(Effect.provideService(asked, AsRequest, true))
  if (!(refused instanceof Requested)) return yield* Effect.die(refused)
  const key = String(refused.details?.["change"])
  const approvals = yield* Approvals
  const { request } = yield* approvals.get(IN, key).pipe(as(system))
  return { key, digest: request.digest }
})
const ask = (who: Identity, key: string, value: string) => waiting(publish(who, key, value))
const approve = (who: Identity, { key, digest }: { readonly key: string; readonly digest: string }) =>
  Effect.flatMap(Approvals, (approvals) => approvals.approve(IN, key, digest, {})).pipe(as(who))
const apply = (who: Identity, { key }: { readonly key: string }, options: { readonly idempotencyKey?: string } = {}) =>
  Effect.flatMap(Approvals, (approvals) => approvals.apply(IN, key, options)).pipe(as(who))

/** Whom the issuer named, by a rule of the settings. */
const named = Effect.fnUntraced(function* (name: string, rule: ClaimRule = ops) {
  const { digest } = yield* KeyHash
  const id = `jwt:${digest(name).slice(0, 16)}:${digest(JSON.stringify(rule)).slice(0, 8)}`
  return identityOf({ id, name: `jwt:${name}@login.example.com`, by: "jwt", until: Date.now() + 60_000, ...rule.grant })
})
const certified = (name: string): Identity =>
  identityOf({ id: `x509:${name}`, name: `x509:${name}`, by: "certificate", role: "publisher", environments: ["*"] })

describe("approvals", () => {
  it.live("AQ3 AQ10 who is of an issuer, or shows a certificate, asks, approves and applies as any other person", () =>
    Effect.gen(function* () {
      const keys = yield* ApiKeyStore
      yield* protect()
      const [ann, bob, agent] = [yield* named("ann"), yield* named("bob"), certified("agent")]
      const own = keyed(yield* person("own", { createdBy: ann.name }))
      for (const [author, approver] of [
        [ann, bob],
        [ann, agent],
        [agent, ann],
        [agent, keyed(yield* person("key"))],
        [keyed(yield* person("key")), agent]
      ] as const) {
        const request = yield* ask(author, "pay.limit", String(Math.random()))
        assert.strictEqual(yield* outcome(approve(author, request)), "OwnChange")
        assert.strictEqual(yield* outcome(apply(author, request)), "ApprovalRequired")
        yield* approve(approver, request)
        assert.strictEqual(yield* outcome(apply(author, request)), "done", `${approver.name} of ${author.name}`)
      }
      const mine = yield* ask(ann, "pay.limit", "x")
      assert.strictEqual(yield* outcome(approve(own, mine)), "OwnChange", "a key that they made")
      assert.strictEqual(yield* outcome(approve(ann, yield* ask(own, "pay.limit", "y"))), "OwnChange")
      yield* keys.revoke(own.keyId, "tester")
    }).pipe(Effect.provide(node()))
  )

  it.live(
    "AQ5 an approval of an issuer's subject counts while the rule is there, and who has no key applies it themselves",
    () =>
      Effect.gen(function* () {
        yield* protect()
        const cid = keyed(yield* person("cid"))
        const gone: ClaimRule = { ...ops, value: "former" }
        const request = yield* ask(cid, "pay.limit", "1")
        yield* approve(yield* named("bob", gone), request)
        assert.strictEqual(yield* outcome(apply(cid, request)), "ApprovalRequired")
        yield* approve(yield* named("bob"), request)
        assert.strictEqual(yield* outcome(apply(cid, request)), "done")

        const shown = yield* ask(certified("agent"), "pay.limit", "2")
        yield* approve(cid, shown)
        assert.strictEqual(yield* outcome(apply(cid, shown)), "Unauthenticated")
        const named2 = yield* ask(yield* named("ann", gone), "pay.limit", "3")
        yield* approve(cid, named2)
        assert.strictEqual(yield* outcome(apply(cid, named2)), "Unauthenticated")
        const still = yield* ask(yield* named("ann"), "pay.limit", "4")
        yield* approve(cid, still)
        assert.strictEqual(yield* outcome(apply(cid, still)), "done")
      }).pipe(Effect.provide(node()))
  )

  it.live(
    "AQ5 an approval given by a certificate, or by a token made of one, counts while the certificate is good",
    () => {
      const ended = new Set<string>()
      return Effect.gen(function* () {
        yield* protect()
        const cid = keyed(yield* person("cid"))
        const agent = certified("agent")
        for (const approver of [agent, { ...agent, by: "token", until: Date.now() + 1_000 } as const]) {
          const request = yield* ask(cid, "pay.limit", String(Math.random()))
          yield* approve(approver, request)
          ended.add(agent.keyId)
          assert.strictEqual(yield* outcome(apply(cid, request)), "ApprovalRequired")
          ended.clear()
          assert.strictEqual(yield* outcome(apply(cid, request)), "done")
        }
      }).pipe(Effect.provide(node(ended)))
    }
  )

  it.live("AQ5 to apply asks of the author what the door asked, by the rights of that moment", () =>
    Effect.gen(function* () {
      const keys = yield* ApiKeyStore
      const approvals = yield* Approvals
      yield* protect()
      const [admin, bob] = [yield* person("ann", { role: "admin" }), keyed(yield* person("bob"))]
      const gone = yield* waiting(approvals.unprotect(IN, "pay", { message: "" }).pipe(as(keyed(admin))))
      yield* publish(system, "herald.variables", '{"region":"eu"}', { breakGlass: "first" })
      const template = yield* ask(keyed(admin), "pay.text", "{{ region }}")
      for (const request of [gone, template]) yield* approve(bob, request)
      const less = { ...admin, id: "less", role: "publisher" as const, keys: ["pay.*"] }
      yield* keys.rotate(admin.id, less, { until: 1 })
      for (const request of [gone, template])
        assert.strictEqual(yield* outcome(apply(bob, request)), "Forbidden", request.key)
      yield* person("ann", { name: admin.name, role: "admin" })
      yield* keys.revoke("less", "tester")
      assert.strictEqual(yield* outcome(apply(bob, template)), "done")
      assert.strictEqual(yield* outcome(apply(bob, gone)), "done")
    }).pipe(Effect.provide(node()))
  )

  it.live("F4 the idempotency key of an apply is of who applies, and is answered whatever the author may by then", () =>
    Effect.gen(function* () {
      const keys = yield* ApiKeyStore
      yield* protect()
      const [ann, bob] = [yield* person("ann"), keyed(yield* person("bob"))]
      const request = yield* ask(keyed(ann), "pay.limit", "1")
      yield* approve(bob, request)
      const once = { idempotencyKey: "once" }
      const first = yield* apply(bob, request, once)
      assert.strictEqual(yield* outcome(publish(keyed(ann), "free", "1", once)), "done", "the author's is another")
      yield* keys.revoke(ann.id, "tester")
      const again = yield* apply(bob, request, once)
      assert.deepStrictEqual([again.replayed, again.revision.revision], [true, first.revision.revision])
      assert.strictEqual(yield* outcome(publish(bob, "free", "2", once)), "IdempotencyConflict")
      assert.strictEqual(yield* outcome(apply(bob, request)), "Unauthenticated")
    }).pipe(Effect.provide(node()))
  )

  it.live(
    "AQ8 to break the glass takes the right to, where what is touched is protected, and leaves nothing where it is not",
    () =>
      Effect.gen(function* () {
        const approvals = yield* Approvals
        const flags = yield* Flags
        yield* protect({ patterns: ["pay.*", "shop"] })
        const [ann, cid] = [keyed(yield* person("ann")), keyed(yield* person("cid", { role: "admin" }))]
        const fire = { breakGlass: "fire" }
        const flag = (who: Identity, key: string, uses: string | undefined, more: object = {}) => {
          const targeting = uses === undefined ? {} : { targeting: { if: [{ $ref: uses }, "on", "off"] } }
          const definition = {
            state: "ENABLED",
            variants: { on: true, off: false },
            defaultVariant: "on",
            ...targeting
          }
          return flags
            .publish({ environment: IN, key, definition: JSON.stringify(definition) }, { message: "", ...more })
            .pipe(as(who))
        }
        assert.strictEqual(yield* outcome(publish(ann, "pay.limit", "1", fire)), "Forbidden")
        assert.strictEqual(yield* outcome(flag(ann, "shop", undefined, fire)), "Forbidden")
        assert.strictEqual(yield* outcome(publish(ann, "free", "1", fire)), "done")
        const reviews = approvals.list(IN, { limit: 10, before: undefined, state: "review" }).pipe(as(ann))
        assert.deepStrictEqual(yield* reviews, [])
        assert.strictEqual(yield* outcome(publish(cid, "pay.limit", "1", fire)), "done")
        const [review] = yield* reviews
        assert.deepInclude(review, {
          author: cid.name,
          reason: "fire",
          touches: [{ kind: "configuration", key: "pay.limit" }]
        })
      }).pipe(Effect.provide(node()))
  )
})
