/** What a client asks for, and what it answers. */
import { system } from "../../src/access/Identity.ts"
import { defaultPatterns } from "../../src/keys/Pattern.ts"
import { Held } from "../../src/sessions/Held.ts"
import type { Session } from "../../src/sessions/Session.ts"
import type { Subscription } from "../../src/sessions/Subscription.ts"
import type { ValueUpdate } from "../../src/updates/Update.ts"

/** Digest of what is held, by key; the client holds nothing that is newer than the node. */
export const holding = (held: Iterable<readonly [key: string, digest: string, revision?: bigint]>): Held => {
  const all = new Held()
  all.add([...held].map(([key, digest, revision = 0n]) => ({ key, digest, revision })))
  return all
}

export const subscription = (
  changed: Partial<Omit<Subscription, "held">> & {
    readonly instance?: string
    readonly held?: Parameters<typeof holding>[0]
  } = {}
): Subscription => {
  const { instance = "i1", held = [], ...rest } = changed
  return {
    client: { environment: "production", service: "svc", instance, labels: {} },
    identity: system,
    patterns: defaultPatterns("svc"),
    position: undefined,
    held: holding(held),
    acceptsDelta: false,
    control: true,
    ...rest
  }
}

export const applied = (session: Session, update: ValueUpdate) => ({
  session,
  answers: [{ key: update.key, revision: update.revision, epoch: update.epoch, applied: true, reason: "" }]
})
