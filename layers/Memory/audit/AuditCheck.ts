/** Checks the audit log of a `State` in pages, as herald_audit_check does. */
import { createHash } from "node:crypto"
import type { ApiKey } from "../../../src/access/ApiKeyStore.ts"
import type { AuditEntry, AuditProblem } from "../../../src/audit/AuditEntry.ts"
import type { AuditPage } from "../../../src/audit/AuditLog.ts"
import { AccessTables, chainHash } from "../access/AccessTables.ts"
import { KindTables } from "../commits/KindTables.ts"
import { digestOf as digestOfChange } from "../commits/Table.ts"
import type { State } from "../State.ts"

const digestOf = (parts: ReadonlyArray<unknown>) => createHash("sha256").update(JSON.stringify(parts)).digest("hex")

export const keyDigest = ({ revokedAt: _, ...key }: ApiKey): string => digestOf([key])

/** Entries of one page. */
const PAGE = 1_000

interface Place {
  readonly id: number
  readonly hash: string
  readonly versions: number
}

const isVersion = (action: string) =>
  ["publish", "delete", "rollback", "release", "schedule", "cancel", "rollout", "experiment"].includes(action)

const valueProblem = (state: State, { configId, details }: AuditEntry): string | undefined => {
  if (details["kind"] !== undefined) return changeProblem(state, configId, details)
  const version = Number(details["version"])
  const held = state.versions.get(configId)?.find((one) => one.version === version)
  if (held === undefined) return `version ${version} of ${configId} is not in the history`
  return digestOfChange(held) === details["digest"]
    ? undefined
    : `version ${version} of ${configId} is not what was published`
}

/** What is wrong with the change of an entry that is of no configuration. */
const changeProblem = (state: State, configId: string, { kind, revision, digest }: AuditEntry["details"]) => {
  const [, environment = "", ...key] = configId.split("/")
  const held = state
    .tables(KindTables)
    .kinds.get(String(kind))
    ?.at({ environment, key: key.join("/") }, BigInt(String(revision)))
  if (held === undefined) return `${configId} of revision ${revision} is not in the history`
  return digestOfChange(held) === digest ? undefined : `${configId} of revision ${revision} is not what was published`
}

const keyProblem = (state: State, { id, action, details }: AuditEntry): string | undefined => {
  const key = state.tables(AccessTables).keys.get(String(details["id"]))
  if (key === undefined) return `the API key ${details["id"]} is not there any more`
  if (action === "key.revoke")
    return key.revokedAt === null ? `the API key ${key.id} is not revoked any more` : undefined
  const rights = [key.topics, key.keys, key.kinds]
  const told = [details["topics"], details["keys"], details["kinds"]]
  if (action === "key.create" && JSON.stringify(rights) !== JSON.stringify(told))
    return `the API key ${key.id} may something else than when it was created`
  const isChange = (entry: AuditEntry) =>
    ["key.rename", "key.rotate"].includes(entry.action) && entry.details["id"] === key.id
  if (state.tables(AccessTables).audit.some((entry) => entry.id > id && isChange(entry))) return undefined
  return keyDigest(key) === details["digest"] ? undefined : `the API key ${key.id} is not what was created`
}

const entryProblem = (state: State, entry: AuditEntry, id: bigint, before: string): AuditProblem | undefined => {
  if (entry.id !== id) return { kind: "missing", entry: id, message: `entry ${id} is missing` }
  if (entry.prevHash !== before || entry.hash !== chainHash(entry)) {
    return {
      kind: "changed",
      entry: id,
      message: `the hash of entry ${id} does not follow from it and the entry before`
    }
  }
  const value = isVersion(entry.action) ? valueProblem(state, entry) : undefined
  if (value !== undefined) return { kind: "value", entry: id, message: value }
  const key = entry.action.startsWith("key.") ? keyProblem(state, entry) : undefined
  return key === undefined ? undefined : { kind: "key", entry: id, message: key }
}

const unlogged = (state: State, versions: number): AuditProblem | undefined => {
  const found = [...state.versions.values()].reduce((sum, each) => sum + each.length, 0)
  if (found !== versions) {
    const message = `the history has ${found} versions, and the log tells of ${versions}`
    return { kind: "unlogged", entry: undefined, message }
  }
  for (const { id, revokedAt } of state.tables(AccessTables).keys.values()) {
    const told = state
      .tables(AccessTables)
      .audit.filter(({ action, details }) => action.startsWith("key.") && details["id"] === id)
    const says = (action: string) => told.some((entry) => entry.action === action)
    if (!says("key.create") || says("key.revoke") !== (revokedAt !== null)) {
      return { kind: "unlogged", entry: undefined, message: `the log does not tell the same of the API key ${id}` }
    }
  }
  return undefined
}

const placeOf = (from: string): Place | undefined => {
  try {
    const place = JSON.parse(from) as Place | null
    return typeof place?.id === "number" ? place : undefined
  } catch {
    return undefined
  }
}

/** Undefined for a place that no page gave. */
export const checkPage = (state: State, from: string | undefined): AuditPage | undefined => {
  const place = from === undefined ? { id: 0, hash: "", versions: 0 } : placeOf(from)
  if (place === undefined) return undefined
  const total = state.tables(AccessTables).audit.length
  let { id, hash, versions } = place
  const until = Math.min(total, id + PAGE)
  const page = (problem: AuditProblem | undefined, next?: string): AuditPage => ({ entries: id, total, problem, next })
  if (id > 0 && state.tables(AccessTables).audit[id - 1]?.hash !== hash) {
    return page({
      kind: "changed",
      entry: BigInt(id),
      message: `entry ${id} is not what it was when this check came by`
    })
  }
  while (id < until) {
    const entry = state.tables(AccessTables).audit[id]!
    const problem = entryProblem(state, entry, BigInt(id + 1), hash)
    if (problem !== undefined) return page(problem)
    if (isVersion(entry.action) && entry.details["kind"] === undefined) versions++
    hash = entry.hash
    id++
  }
  return id < total ? page(undefined, JSON.stringify({ id, hash, versions })) : page(unlogged(state, versions))
}
