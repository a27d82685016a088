/** Answers the routes of API keys and the audit log. */

import { Effect, Layer } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { Access, requirePermission, requireSignedIn } from "../../../access/Access.ts"
import type { Act } from "../../../access/Decision.ts"
import type { Kind, Permission } from "../../../access/Identity.ts"
import { canI, holdersOf, whoAmI } from "../../../access/WhoMay.ts"
import { Approvals } from "../../../approvals/Approvals.ts"
import { exportAudit, readAudit, readAuditKeys, verifyAudit } from "../../../audit/Audit.ts"
import { AuditCheckpoints } from "../../../audit/AuditCheckpoints.ts"
import { AuditLog } from "../../../audit/AuditLog.ts"
import { failure } from "../../../errors/HeraldError.ts"
import { excerpt } from "../../../text/Excerpt.ts"
import { nearby } from "../../../text/Nearest.ts"
import { json } from "../Answer.ts"
import { addressOf } from "../Authentication.ts"
import { guards } from "../approvals/Guards.ts"
import { makeBodyReader } from "../Body.ts"
import { bodyLimits } from "../BodyLimits.ts"
import { contract, type Part } from "../Contract.ts"
import { answer } from "../Problem.ts"
import { AccessGroup, AuditGroup, KeysGroup } from "./Api.ts"
import { SignInGroup, signInRoutes } from "./SignInRoutes.ts"
import * as Tokens from "./TokenWire.ts"
import * as Wire from "./Wire.ts"

/** Milliseconds that a rotated key goes on to work, unless the request says otherwise. */
const GRACE = 86_400_000
/** Milliseconds of a service token, unless the request says otherwise. */
const LIFE = 900_000
const PAGE = 100
const EXPORTED = 1_000

const keyRoutes = HttpApiBuilder.group(
  contract.add(KeysGroup),
  "keys",
  Effect.fnUntraced(function* (handlers) {
    const access = yield* Access
    const bodyReader = yield* makeBodyReader
    const readKey = bodyReader(Wire.ApiKeyBody, bodyLimits.small)
    const readGrace = bodyReader(Wire.RotateBody, bodyLimits.small)
    const hasOne = Effect.fnUntraced(function* (name: string) {
      const names = new Set((yield* access.listKeys).map((key) => key.name))
      if (names.has(name)) return
      const near = nearby(name, [...names])
      return yield* failure(
        "NotFound",
        `there is no principal ${excerpt(name)} with an API key${near.length === 0 ? "" : `; did you mean ${near.join(" or ")}?`}`
      )
    })
    return handlers
      .handleRaw("create", ({ request }) =>
        answer(
          requirePermission("keys.manage", undefined).pipe(
            Effect.andThen(readKey(request)), // B5
            Effect.tap(({ add = false, name }) => (add ? hasOne(name) : Effect.void)), // PN6
            Effect.flatMap(({ expiresAt = null, ...wanted }) => access.createKey({ ...wanted, expiresAt })),
            Effect.map(({ token, key }) => json({ token, key: Wire.apiKey(key) }, { status: 201 }))
          )
        )
      )
      .handleRaw("rotate", ({ request, params }) =>
        answer(
          requirePermission("keys.manage", undefined).pipe(
            Effect.andThen(readGrace(request)), // B5
            Effect.flatMap(({ graceMillis = GRACE }) => access.rotateKey(params.id, graceMillis)),
            Effect.map(({ token, key }) => json({ token, key: Wire.apiKey(key) }, { status: 201 }))
          )
        )
      )
      .handle("list", () => answer(Effect.map(access.listKeys, (keys) => json({ keys: keys.map(Wire.apiKey) }))))
      .handle("revoke", ({ params }) =>
        answer(Effect.as(access.revokeKey(params.id), HttpServerResponse.empty({ status: 204 })))
      )
  })
)

interface Asked {
  readonly permission: Permission
  readonly environment?: string
  readonly kind?: Kind
  readonly key?: string
  readonly topic?: string
}

const actOf = ({ permission, environment, kind, key, topic }: Asked): Act => ({
  ...{ permission, environment, topic },
  on:
    kind === undefined && key === undefined
      ? undefined
      : { kind: kind ?? "config", ...(key === undefined ? {} : { key }) }
})

const accessRoutes = HttpApiBuilder.group(
  contract.add(AccessGroup),
  "access",
  Effect.fnUntraced(function* (handlers) {
    const access = yield* Access
    const approvals = yield* Approvals
    const readWanted = (yield* makeBodyReader)(Tokens.TokenBody, bodyLimits.small)
    return handlers
      .handleRaw("exchange", ({ request }) =>
        answer(
          requireSignedIn.pipe(
            Effect.andThen(readWanted(request)), // B5
            Effect.flatMap(({ lifeMillis = LIFE, ...grant }) =>
              access.exchange({ life: lifeMillis, grant, address: addressOf(request) })
            ),
            Effect.map((made) => json(Tokens.serviceToken(made), { status: 201 }))
          )
        )
      )
      .handle("whoami", () => answer(Effect.map(whoAmI, (self) => json(Wire.self(self)))))
      .handle("canI", ({ query }) =>
        answer(
          Effect.gen(function* () {
            const decision = yield* canI(actOf(query))
            const { permission, environment, kind = "config", key } = query
            const asks = decision.may && permission === "config.write" && environment !== undefined
            const found = asks ? yield* approvals.guardingSome(environment, { kind, key }) : []
            return json({ ...Wire.decided(decision), ...guards(found, yield* requireSignedIn) })
          })
        )
      )
      .handle("grants", ({ query: { permission, ...about } }) =>
        answer(
          Effect.flatMap(access.listKeys, (keys) =>
            holdersOf(keys, permission === undefined ? undefined : actOf({ ...about, permission }))
          ).pipe(Effect.map((holders) => json(Wire.grants(holders))))
        )
      )
  })
)

const auditRoutes = HttpApiBuilder.group(
  contract.add(AuditGroup),
  "audit",
  Effect.fnUntraced(function* (handlers) {
    const log = yield* AuditLog
    const checkpoints = yield* AuditCheckpoints

    const list = Effect.fnUntraced(
      function* (query: {
        readonly environment?: string
        readonly limit?: number
        readonly before?: number
        readonly after?: number
      }) {
        const { environment, before, after, limit = PAGE } = query
        const entries = yield* readAudit({
          limit,
          ...(environment === undefined ? {} : { environment }),
          ...(before === undefined ? {} : { before: BigInt(before) }),
          ...(after === undefined ? {} : { after: BigInt(after) })
        })
        const last = entries.at(-1)
        const next = last === undefined ? null : Number(last.id)
        return json({ entries: entries.map(Wire.auditEntry), next } satisfies Wire.AuditEntries)
      },
      Effect.provideService(AuditLog, log)
    )

    const verify = Effect.fnUntraced(
      function* (query: { readonly from?: string; readonly checkpoint?: string }) {
        return json(Wire.verdict(yield* verifyAudit(query)))
      },
      Effect.provideService(AuditLog, log),
      Effect.provideService(AuditCheckpoints, checkpoints)
    )

    const exported = Effect.fnUntraced(
      function* ({ after = 0, limit = EXPORTED }: { readonly after?: number; readonly limit?: number }) {
        return json(Wire.exported(yield* exportAudit({ after: BigInt(after), limit })))
      },
      Effect.provideService(AuditLog, log),
      Effect.provideService(AuditCheckpoints, checkpoints)
    )

    const key = Effect.map(readAuditKeys(), (keys) => json(Wire.auditKeys(keys))).pipe(
      Effect.provideService(AuditCheckpoints, checkpoints)
    )

    return handlers
      .handle("list", ({ query }) => answer(list(query)))
      .handle("verify", ({ query }) => answer(verify(query)))
      .handle("export", ({ query }) => answer(exported(query)))
      .handle("key", () => answer(key))
  })
)

export const access = {
  groups: [KeysGroup, AccessGroup, SignInGroup, AuditGroup],
  routes: Layer.mergeAll(keyRoutes, accessRoutes, signInRoutes, auditRoutes)
} as const satisfies Part
