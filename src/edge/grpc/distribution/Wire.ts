/**
 * Translates between herald.distribution.v1 and the model.
 *
 *   G1  Every field of a client is checked against its limit before anything else sees it.
 *   G2  An update is encoded once, whoever and however many receive it.
 */

import {
  type Ack,
  AckOutcome,
  ConfigUpdate,
  type Held as HeldOnWire,
  type SubscribeRequest,
  UpdateKind
} from "../../../../proto/generated/herald/distribution/v1/distribution.ts"
import type { Identity } from "../../../access/Identity.ts"
import { failure, type HeraldError } from "../../../errors/HeraldError.ts"
import type { InstanceId } from "../../../fleet/Instance.ts"
import { MOST_LABELS, wrongLabel, wrongName } from "../../../keys/ClientName.ts"
import { DEFAULT_ENVIRONMENT } from "../../../keys/Environment.ts"
import { wrongName as wrongNameOfKey, wrongNamePattern } from "../../../keys/Name.ts"
import { defaultPatterns, MOST_PATTERNS } from "../../../keys/Pattern.ts"
import { environmentProblem } from "../../../keys/Target.ts"
import type { Held, HeldEntry } from "../../../sessions/Held.ts"
import type { Answer, Subscription } from "../../../sessions/Subscription.ts"
import { excerpt } from "../../../text/Excerpt.ts"
import { fitted } from "../../../text/Fitted.ts"
import type { Update } from "../../../updates/Update.ts"

/** UTF-16 units of a reason that are kept. */
const REASON = 1_024
const MAX_ACKS = 10_000
const MAX_HELD = 10_000
/** Bytes. */
const SHA256 = 32
/** The largest signed 64-bit integer: so the database keeps revisions. */
const MAX_REVISION = 2n ** 63n - 1n

const invalid = (message: string) => failure("InvalidInput", message)

const name = (field: string, value: string): HeraldError | undefined => {
  const wrong = wrongName(value)
  return wrong === undefined ? undefined : invalid(`${field} ${wrong}`)
}

/** The instance that a message names; `InvalidInput` when it is malformed. */
export const instanceOf = (message: {
  readonly serviceName: string
  readonly instanceId: string
  readonly environment: string
}): InstanceId | HeraldError => {
  const environment = message.environment === "" ? DEFAULT_ENVIRONMENT : message.environment
  const wrong =
    name("service_name", message.serviceName) ??
    name("instance_id", message.instanceId) ??
    environmentProblem(environment)
  if (wrong !== undefined) return wrong
  return { environment, service: message.serviceName, instance: message.instanceId }
}

/** G1: what one message says that the client holds; `InvalidInput` or `InvalidKey` when it is malformed. */
export const heldOf = (held: ReadonlyArray<HeldOnWire>): ReadonlyArray<HeldEntry> | HeraldError => {
  if (held.length > MAX_HELD)
    return invalid(`held has ${held.length} entries in one message, at most ${MAX_HELD} are allowed`)
  const entries: Array<HeldEntry> = []
  for (const { key, digest, sha256, revision } of held) {
    if (sha256.length > 0 && sha256.length !== SHA256)
      return invalid(`held has a sha256 of ${sha256.length} bytes, it must be ${SHA256}`)
    const wrong = wrongNameOfKey(key)
    if (wrong !== undefined) return failure("InvalidKey", `held names ${excerpt(key)}, which ${wrong}`)
    if (revision > MAX_REVISION) return invalid(`held has revision ${revision}; no revision is that high`)
    entries.push({ key, digest: sha256.length === 0 ? digest : Buffer.from(sha256).toString("hex"), revision })
  }
  return entries
}

/** G1: what the first message of a stream asks for; `InvalidInput` or `InvalidKey` when it is malformed. `held`: from it and the next parts. */
export const subscriptionOf = (
  message: SubscribeRequest,
  identity: Identity,
  held: Held
): Subscription | HeraldError => {
  const instance = instanceOf(message)
  if ("_tag" in instance) return instance
  const labels = Object.entries(message.metadata)
  if (labels.length > MOST_LABELS)
    return invalid(`metadata has ${labels.length} entries, at most ${MOST_LABELS} are allowed`)
  for (const [label, value] of labels) {
    const wrong = wrongLabel(label, value)
    if (wrong !== undefined) return invalid(`metadata ${wrong}`)
  }
  if (message.keys.length > MOST_PATTERNS)
    return invalid(`keys has ${message.keys.length} patterns, at most ${MOST_PATTERNS} are allowed`)
  const byDefault = message.keys.length === 0
  const patterns = byDefault ? defaultPatterns(message.serviceName) : [...new Set(message.keys)]
  for (const pattern of patterns) {
    const wrong = wrongNamePattern(pattern)
    if (wrong !== undefined) return failure("InvalidKey", `${excerpt(pattern)} ${wrong}`)
  }
  return {
    client: { ...instance, labels: Object.fromEntries(labels) },
    identity,
    patterns,
    byDefault,
    position:
      message.position === undefined
        ? undefined
        : { epoch: message.position.epoch, revision: message.position.revision },
    held,
    acceptsDelta: message.acceptsDelta,
    control: message.control
  }
}

export const answersOf = (acks: ReadonlyArray<Ack>): ReadonlyArray<Answer> | HeraldError => {
  if (acks.length > MAX_ACKS) return invalid(`acks has ${acks.length} entries, at most ${MAX_ACKS} are allowed`)
  const answers: Array<Answer> = []
  for (const { key, revision, epoch, outcome, reason } of acks) {
    const applied = outcome === AckOutcome.ACK_OUTCOME_APPLIED
    if (!applied && outcome !== AckOutcome.ACK_OUTCOME_REJECTED)
      return invalid(`the outcome of an ack must be ACK_OUTCOME_APPLIED or ACK_OUTCOME_REJECTED, not ${outcome}`)
    answers.push({ key, revision, epoch, applied, reason: reason === "" ? "" : fitted(reason, REASON) })
  }
  return answers
}

const kinds = {
  value: UpdateKind.UPDATE_KIND_VALUE,
  deleted: UpdateKind.UPDATE_KIND_DELETED,
  synced: UpdateKind.UPDATE_KIND_SYNCED,
  heartbeat: UpdateKind.UPDATE_KIND_HEARTBEAT,
  drain: UpdateKind.UPDATE_KIND_DRAIN,
  problem: UpdateKind.UPDATE_KIND_PROBLEM
} as const

const toWire = (update: Update): Partial<ConfigUpdate> => {
  const kind = kinds[update.kind]
  switch (update.kind) {
    case "value":
    case "deleted":
      return {
        kind,
        configId: `${update.environment}/${update.key}`,
        key: update.key,
        version: BigInt(update.version),
        format: update.format,
        content: Buffer.from(update.delta?.patch ?? update.content),
        environment: update.environment,
        revision: update.revision,
        epoch: update.epoch,
        digest: update.digest,
        deltaBase: update.delta?.base ?? "",
        traceparent: update.traceparent,
        stale: update.stale,
        committedAtMs: BigInt(Math.trunc(update.committedAt)),
        strict: update.strict
      }
    case "problem": {
      const { environment, key, revision, epoch, message } = update
      return { kind, configId: `${environment}/${key}`, key, environment, revision, epoch, message }
    }
    case "synced":
    case "heartbeat":
      return { kind, ...update.position, stale: update.stale }
    case "drain":
      return { kind, reconnectAfterMs: update.reconnectAfterMillis }
  }
}

const encoded = new WeakMap<Update, Buffer>()

/** G2 */
export const encode = (update: Update): Buffer => {
  let bytes = encoded.get(update)
  if (bytes === undefined) {
    bytes = Buffer.from(ConfigUpdate.encode(ConfigUpdate.fromPartial(toWire(update))).finish())
    encoded.set(update, bytes)
  }
  return bytes
}
