/** What the memory twins share: one log, one audit chain, as the database has them. */
import { createHash, randomUUID } from "node:crypto"
import { Context, Layer } from "effect"
import type { ApiKey } from "../../src/access/ApiKeyStore.ts"
import type { AuditEntry } from "../../src/access/AuditLog.ts"
import type { Configuration } from "../../src/configuration/Configuration.ts"
import type { Registers } from "../../src/fleet/Facts.ts"
import type { DeliveryRow, HealthRow, InstanceRow } from "../../src/fleet/InstanceStore.ts"
import type { Lease } from "../../src/leases/Leases.ts"
import type { Revision } from "../../src/propagation/Revision.ts"
import type { SealKey } from "../Crypto/seals/Seals.ts"

/** `former`: the session that lost the instance to this one, which took it at `takenAt`. Lives are counted as in Facts.ts. */
export interface HeldInstance extends InstanceRow {
  readonly former: string
  readonly takenAt: number
  /** When it ceased to be connected, by the store's clock; undefined while it is. */
  readonly goneAt: number | undefined
  readonly life: number
  readonly emptied: number
}

export interface HeldWebhook {
  readonly id: string
  readonly target: string
  readonly record: string
  state: "waiting" | "failed" | "delivered" | "dead"
  attempts: number
  dueAt: number
  problem: string
  createdAt: number
  settledAt: number | undefined
}

export class State {
  /** What every twin of one database asks for, as those on PostgreSQL ask for its pools. */
  static readonly service = Context.Service<State>("herald/layers/Memory/State")
  static readonly layer = Layer.sync(State.service, () => new State())

  readonly epoch = randomUUID()
  /** Versions of a key, ascending, by "<environment>/<key>". */
  readonly versions = new Map<string, Array<Configuration>>()
  readonly revisions: Array<Revision> = []
  /** How many revisions were swept. */
  swept = 0
  readonly idempotency = new Map<string, { readonly digest: string; readonly revision: bigint }>()
  readonly audit: Array<AuditEntry> = []
  readonly keys = new Map<string, ApiKey>()
  /** Names as they are compared, and as they are written. */
  readonly principals = new Map<string, string>()
  readonly instances = new Map<string, HeldInstance>()
  readonly nodes = new Map<string, { readonly since: number; readonly seenAt: number }>()
  readonly deliveries = new Map<string, DeliveryRow>()
  /** By instance and key; `of`: the instance. */
  readonly facts = new Map<string, { readonly key: string; readonly of: string; readonly registers: Registers }>()
  readonly health = new Map<string, HealthRow>()
  readonly listeners = new Set<() => void>()
  readonly outbox = { position: { epoch: "", revision: 0n } }
  /** `until` in milliseconds since 1970. */
  readonly leases = new Map<string, Lease & { until: number }>()

  /** The newest last. */
  readonly sealKeys: Array<SealKey> = []
  readonly webhooks = new Map<string, HeldWebhook>()
  /** Since when each is known. */
  readonly webhookTargets = new Map<string, number>()

  /** A tombstone behind the horizon: its history stays. */
  forgotten({ deleted, revision }: Pick<Configuration, "deleted" | "revision">): boolean {
    return deleted && revision <= this.swept
  }

  get head(): bigint {
    return BigInt(this.swept + this.revisions.length)
  }

  append(entry: Pick<AuditEntry, "configId" | "action" | "performedBy" | "details" | "createdAt">): void {
    const unhashed = { ...entry, id: BigInt(this.audit.length + 1), prevHash: this.audit.at(-1)?.hash ?? "" }
    this.audit.push({ ...unhashed, hash: chainHash(unhashed) })
  }
}

/** The formula of the port AuditLog. */
export const chainHash = (entry: Omit<AuditEntry, "hash">): string =>
  createHash("sha256")
    .update(
      [
        entry.prevHash,
        entry.id,
        entry.configId,
        entry.action,
        entry.performedBy,
        JSON.stringify(entry.details),
        entry.createdAt
      ].join("|")
    )
    .digest("hex")
