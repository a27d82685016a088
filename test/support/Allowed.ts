/**
 * Whether a client may have what it was sent, by its name, its labels and what the API says of rollouts. Pure.
 *
 *   FA1  A candidate is for those who came in with a stage that was begun, at the position of that transition; for everyone once it was completed,
 *        from that position on.
 *   FA2  A client that says what it holds is never sent what is older.
 */
import { bucketOf, wasTaken } from "../../src/rollouts/Cohort.ts"
import type { Update } from "./Subscriber.ts"

/** A rollout of one key, as its history tells. */
export interface Truth {
  readonly id: string
  readonly key: string
  /** Of its candidate. */
  readonly version: number
  readonly salt: string
  readonly stages: ReadonlyArray<{
    readonly where: Readonly<Record<string, string>>
    readonly instances?: ReadonlyArray<string> | undefined
    /** Null: it was not begun. */
    readonly begun: { readonly revision: number; readonly below: number; readonly also: ReadonlyArray<string> } | null
  }>
  /** The revision by which it was completed; null: it was not. */
  readonly completed: number | null
}

/** What one connection of a client was sent. */
export interface Sent {
  readonly instance: string
  readonly labels: Readonly<Record<string, string>>
  /** It said what it held when it came. FA2 */
  readonly resumed: boolean
  readonly updates: ReadonlyArray<Pick<Update, "kind" | "key" | "version" | "revision" | "epoch">>
}

/** The position at which it came in; undefined: it is not in the cohort. */
const cameIn = ({ salt, stages }: Truth, { instance, labels }: Sent): number | undefined => {
  const bucket = bucketOf(salt, instance)
  return stages.find(
    ({ begun, where, instances }) =>
      begun !== null &&
      wasTaken({ ...begun, revision: BigInt(begun.revision), at: 0 }, bucket, instance) &&
      (instances === undefined || instances.includes(instance)) &&
      Object.entries(where).every(([label, value]) => labels[label] === value)
  )?.begun?.revision
}

/** What is wrong, in words; connections of a client are in the order in which they were made. */
export const wrongIn = (connections: ReadonlyArray<Sent>, truths: ReadonlyArray<Truth>): ReadonlyArray<string> => {
  const wrong: Array<string> = []
  const newest = new Map<string, { revision: number; epoch: string }>()
  for (const sent of connections) {
    if (!sent.resumed) newest.clear()
    for (const { kind, key, version, revision, epoch } of sent.updates) {
      const said = `${sent.instance} was sent version ${version} of ${key} at ${revision}`
      const before = newest.get(key)
      if (before !== undefined && before.epoch === epoch && revision < before.revision)
        wrong.push(`${said}, after one at ${before.revision}`)
      newest.set(key, { revision, epoch })
      if (kind !== "UPDATE_KIND_VALUE") continue
      for (const truth of truths) {
        if (truth.key !== key || truth.version !== version) continue
        if (truth.completed !== null && revision >= truth.completed) continue
        const its = cameIn(truth, sent)
        if (its === undefined) wrong.push(`${said}: it is not in the cohort of ${truth.id}`)
        else if (its !== revision) wrong.push(`${said}: it came into the cohort of ${truth.id} at ${its}`)
      }
    }
  }
  return wrong
}
