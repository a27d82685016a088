/** Protections and change requests as a contract asks a store for them. */
import { Effect } from "effect"
import { digestOf } from "../../layers/Crypto/values/Sha256.ts"
import { aboutOf } from "../../src/access/About.ts"
import { type ApiKey, ApiKeyStore } from "../../src/access/ApiKeyStore.ts"
import { ApprovalStore } from "../../src/approvals/ApprovalStore.ts"
import { bodyOf } from "../../src/approvals/Body.ts"
import { type ApprovalWish, type ChangeRequest, EVERYTHING, type OpenWish } from "../../src/approvals/ChangeRequest.ts"
import type { ProtectionWish } from "../../src/approvals/Protection.ts"
import { standingOf, touchesOf } from "../../src/approvals/Touched.ts"
import type { Action, Release, Wish } from "../../src/commits/Release.ts"
import { fresh } from "./fresh.ts"
import { commit } from "./Schedules.ts"

export { commit } from "./Schedules.ts"

/** Somebody with one API key. */
export const person = Effect.fnUntraced(function* (name: string, changed: Partial<ApiKey> = {}) {
  const store = yield* ApiKeyStore
  const key: ApiKey = {
    id: fresh("k").slice(-16),
    name: fresh(name),
    hash: "h",
    role: "publisher",
    environments: ["*"],
    createdAt: 1,
    createdBy: "herald",
    expiresAt: null,
    revokedAt: null,
    ...changed
  }
  yield* store.create(key)
  return key
})
export type Person = Pick<ApiKey, "id" | "name" | "role">

/** What somebody does, with the key that they have. */
export const by = ({ name, id }: Person): Partial<Release> => ({ actor: name, keyId: id })

/** An environment of its own, as protections are counted by it. */
export const protection = (
  environment: string,
  key: string,
  patterns: ReadonlyArray<string>,
  changed: Partial<ProtectionWish> = {}
): ProtectionWish => ({
  kind: "protection",
  environment,
  key,
  deleted: false,
  patterns,
  kinds: null,
  approvals: 1,
  roles: ["publisher", "admin"],
  lasts: 3_600_000,
  ...changed
})

export const protect = (environment: string, patterns: ReadonlyArray<string>, changed: Partial<ProtectionWish> = {}) =>
  commit([protection(environment, changed.key ?? "p", patterns, changed)], { action: "protect" })

/** As a node makes one of these wishes. */
export const opening = Effect.fnUntraced(function* (
  environment: string,
  changes: ReadonlyArray<Wish>,
  action: Action = "publish",
  changed: Partial<OpenWish> = {}
) {
  const store = yield* ApprovalStore
  const touches = touchesOf(changes)
  const { epoch, bases } = yield* store.bases(environment, touches, standingOf(changes))
  const rights = changes.map(({ kind, key }) => {
    const about = aboutOf(kind, key)
    return about === undefined ? EVERYTHING : { kind: about.kind, key: about.key ?? "*" }
  })
  const its = { environment, action, message: "why", basis: undefined }
  const body = bodyOf({ ...its, epoch, bases, changes })
  const wish: OpenWish = {
    ...{ kind: "approval", environment, key: "", op: "open", action, touches, rights, epoch, bases, body, needed: 1 },
    digest: digestOf(body),
    bytes: body.length,
    lasts: 3_600_000,
    ...changed
  }
  return wish
})

export const open = Effect.fnUntraced(function* (author: Person, ...asked: Parameters<typeof opening>) {
  const { revision } = yield* commit([yield* opening(...asked)], { action: "request", ...by(author) })
  return revision.changes[0] as ChangeRequest
})

type On = Pick<ChangeRequest, "environment" | "key" | "digest">
const on = ({ environment, key }: On) => ({ kind: "approval", environment, key }) as const

export const approve = (request: On, who: Person, changed: object = {}) =>
  commit([{ ...on(request), op: "approve", digest: request.digest, role: who.role, until: null, ...changed }], {
    action: "approve",
    ...by(who)
  })

export const end = (request: On, op: "reject" | "withdraw" | "review", who: Person) =>
  commit([{ ...on(request), op, reason: "no" } satisfies ApprovalWish], { action: op, ...by(who) })

/** With whoever approved it, unless it says otherwise. */
export const apply = Effect.fnUntraced(function* (
  request: On,
  changes: ReadonlyArray<Wish>,
  author: Person,
  changed: {
    readonly approvers?: ReadonlyArray<string>
    readonly release?: Partial<Release>
    readonly digest?: string
  } = {}
) {
  const store = yield* ApprovalStore
  const held = yield* store.find(request.environment, request.key)
  const approvers = changed.approvers ?? held?.approvers.map(({ name }) => name) ?? []
  const wish = { ...on(request), op: "apply", digest: changed.digest ?? request.digest, by: author.name, approvers }
  return yield* commit([...changes, wish], { action: "publish", ...by(author), ...changed.release })
})

export const stateOf = ({ environment, key }: On) =>
  Effect.flatMap(ApprovalStore, (store) => Effect.map(store.find(environment, key), (held) => held!.request.state))

/** What it was refused for, by its name; "done" where it was not. */
export const outcome = <A, E extends { readonly name: string }, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.match(effect, { onSuccess: () => "done", onFailure: ({ name }) => name })
