/** What is asked of a commit, and one that was made. */
import { Effect } from "effect"
import { digestOf } from "../../layers/Crypto/values/Digest.ts"
import type { Change, Release } from "../../src/configuration/Change.ts"
import { ConfigurationStore } from "../../src/configuration/ConfigurationStore.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"

/** `value` null: a deletion. */
export const change = (key: string, value: string | null, changed: Partial<Change> = {}): Change => ({
  key,
  environment: "production",
  value,
  valueType: "string",
  schema: null,
  strict: false,
  template: value?.includes("{{") ?? false,
  digest: digestOf(value ?? ""),
  expectedVersion: undefined,
  changeLog: "why",
  ...changed
})

export const release = (changes: ReadonlyArray<Change>, changed: Partial<Release> = {}): Release => ({
  action: "publish",
  changes,
  actor: "tester",
  keyId: undefined,
  message: "why",
  traceparent: "",
  idempotency: undefined,
  ...changed
})

/** In the store, without a word to any node. */
export const commit = (changes: ReadonlyArray<Change>, changed: Partial<Release> = {}) =>
  Effect.flatMap(ConfigurationStore, (store) => store.commit(release(changes, changed)))

/** One change, of `svc` unless it says otherwise; `hinted` false leaves it to the poll to find out. */
export const publish = Effect.fnUntraced(function* (
  { key = "svc", value, ...changed }: Partial<Change> & { readonly value: string | null },
  hinted = true
) {
  const action = value === null ? "delete" : "publish"
  const { revision } = yield* commit([change(key, value, changed)], { action })
  if (hinted) yield* Effect.flatMap(Propagation, ({ hint }) => hint(revision))
  return revision
})
