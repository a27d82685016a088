/** Describes who acts, and decides what a role may do. Pure. */
import { Context } from "effect"
import type { Door } from "../limits/Rules.ts"

export const roles = ["admin", "publisher", "viewer", "subscriber"] as const
export type Role = (typeof roles)[number]

/** What a key may be a key of. */
export const kinds = ["config", "flag", "segment", "rollout", "experiment", "secret", "artifact"] as const
export type Kind = (typeof kinds)[number]

export interface Identity {
  /** The principal: the name of its API keys, of which several may be live; shown in audit and history. */
  readonly name: string
  /** Public id of the API key, or of what it was derived from. */
  readonly keyId: string
  readonly role: Role
  /** Environments in which the key is good; ["*"]: all. */
  readonly environments: ReadonlyArray<string>
  /** Patterns of the topics that it may use; left out: as its environments say. KX1 */
  readonly topics?: ReadonlyArray<string>
  /** Patterns of the keys that it may touch; left out: all. KO1 */
  readonly keys?: ReadonlyArray<string>
  /** Kinds of the keys that it may touch; left out: all. KO1 */
  readonly kinds?: ReadonlyArray<Kind>
  /** What it showed; left out: an API key. */
  readonly by?: "key" | "token" | "jwt" | "certificate"
  /** Milliseconds since 1970: when what it showed ends; left out: as its API key says. */
  readonly until?: number
  /** Of a token of the issuer, and of what was made of it: the thumbprint of the key that signed it, with which it ends. JK5 */
  readonly signer?: string
  /** What an issuer calls them beside; names nobody, and is not compared. JU4 */
  readonly shown?: string
  /** What whoever shows it may want to know of what it gives. JU5 */
  readonly notes?: ReadonlyArray<string>
  /** Of a caller without a key, where it does not share it with many others. */
  readonly address?: string
  /** Where it came in, where limits ask for that. */
  readonly door?: Door
}

/** Whom a key with this id stands for. Every door asks here, so that none forgets a field. */
export const identityOf = ({
  id,
  name,
  role,
  environments,
  topics,
  keys,
  kinds,
  by,
  until,
  signer,
  shown,
  notes
}: Omit<Identity, "keyId" | "address" | "door"> & { readonly id: string }): Identity => ({
  keyId: id,
  ...{ name, role, environments },
  ...(topics === undefined ? {} : { topics }),
  ...(keys === undefined ? {} : { keys }),
  ...(kinds === undefined ? {} : { kinds }),
  ...(by === undefined ? {} : { by }),
  ...(until === undefined ? {} : { until }),
  ...(signer === undefined ? {} : { signer }),
  ...(shown === undefined ? {} : { shown }),
  ...(notes === undefined ? {} : { notes })
})

export const permissions = [
  "config.read",
  "config.write",
  "subscribe",
  "clients.read",
  "audit.read",
  "keys.manage",
  /** Break the glass: do what is protected without a second person. */
  "approvals.bypass",
  /** Make, change and delete topics. */
  "topics.manage",
  "topics.publish",
  /** What topics are, their figures and their events. */
  "topics.read",
  /** Make subscriptions of topics, move and delete them, and consume. */
  "topics.consume"
] as const
export type Permission = (typeof permissions)[number]

export const granted: Record<Role, ReadonlySet<Permission>> = {
  admin: new Set([
    ...(["config.read", "config.write", "subscribe", "clients.read", "audit.read", "keys.manage"] as const),
    "approvals.bypass" as const,
    ...(["topics.manage", "topics.publish", "topics.read", "topics.consume"] as const)
  ]),
  publisher: new Set([
    ...(["config.read", "config.write", "clients.read", "subscribe"] as const),
    ...(["topics.publish", "topics.read", "topics.consume"] as const)
  ]),
  viewer: new Set(["config.read", "clients.read", "audit.read", "topics.read"]),
  subscriber: new Set(["config.read", "subscribe", "topics.read", "topics.consume"])
}

/**
 * By role and environment alone, with some key or other: for what finds out about each key by itself. `environment` undefined: the permission must
 * hold in every environment.
 */
export const maySome = (identity: Identity, permission: Permission, environment: string | undefined): boolean =>
  granted[identity.role].has(permission) &&
  (identity.environments.includes("*") || (environment !== undefined && identity.environments.includes(environment)))

/** As `maySome`, with every key of every kind. */
export const may = (identity: Identity, permission: Permission, environment: string | undefined): boolean =>
  maySome(identity, permission, environment) &&
  identity.kinds === undefined &&
  (identity.keys === undefined || identity.keys.includes("*"))

/** Whether it may in some environment: for a door that does not know yet which one is meant. */
export const mayAnywhere = ({ role, environments }: Identity, permission: Permission): boolean =>
  granted[role].has(permission) && environments.length > 0

/** The server itself: migrations, sweepers, tests. */
export const system: Identity = { name: "herald", keyId: "system", role: "admin", environments: ["*"] }

/** Whose request this fiber serves; nobody's by default. */
export const CurrentIdentity = Context.Reference<Identity | undefined>("herald/access/CurrentIdentity", {
  defaultValue: () => undefined
})
