/** What is asked of a commit, and one that was made. */
import { Effect } from "effect"
import { digestOf } from "../../layers/Crypto/values/Sha256.ts"
import { Commits } from "../../src/commits/Commits.ts"
import type { Release } from "../../src/commits/Release.ts"
import type { Configuration } from "../../src/configuration/Configuration.ts"
import type { ConfigurationWish } from "../../src/configuration/Wish.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"

/** `value` null: a deletion. */
export const change = (
  key: string,
  value: string | null,
  changed: Partial<ConfigurationWish> = {}
): ConfigurationWish => ({
  kind: "configuration",
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

export const release = (
  changes: ReadonlyArray<ConfigurationWish>,
  changed: Partial<Release<Configuration>> = {}
): Release<Configuration> => ({
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
export const commit = (changes: ReadonlyArray<ConfigurationWish>, changed: Partial<Release<Configuration>> = {}) =>
  Effect.flatMap(Commits, (commits) => commits.commit(release(changes, changed)))

/** One change, of `svc` unless it says otherwise; `hinted` false leaves it to the poll to find out. */
export const publish = Effect.fnUntraced(function* (
  { key = "svc", value, ...changed }: Partial<ConfigurationWish> & { readonly value: string | null },
  hinted = true
) {
  const action = value === null ? "delete" : "publish"
  const { revision } = yield* commit([change(key, value, changed)], { action })
  if (hinted) yield* Effect.flatMap(Propagation, ({ hint }) => hint(revision))
  return revision
})
