/** What clients get of the counts. */
import { Effect } from "effect"
import { nameOf } from "../keys/Name.ts"
import { matches } from "../keys/Pattern.ts"
import { Propagation } from "../propagation/Propagation.ts"
import type { Mark, ValueUpdate } from "../updates/Update.ts"
import type { KindSource } from "../updates/UpdateSource.ts"
import { Digest } from "../values/Digest.ts"
import type { Toy } from "./Toy.ts"
import { ToyView } from "./ToyView.ts"

export const toyUpdates = Effect.gen(function* () {
  const propagation = yield* Propagation
  const view = yield* ToyView
  const digestOf = yield* Digest
  const marks = new WeakMap<Toy, Mark>()
  const find = (environment: string, name: string) => view.find(environment, name.slice(nameOf("toy", "").length))

  const markOf = (toy: Toy): Mark => {
    const known = marks.get(toy)
    if (known !== undefined) return known
    const { key, count, revision } = toy
    const made: Mark = {
      kind: "value",
      key: nameOf("toy", key),
      version: count,
      revision,
      epoch: propagation.position().epoch,
      digest: digestOf(String(count)),
      traceparent: "",
      committedAt: 0,
      stale: false
    }
    marks.set(toy, made)
    return made
  }

  const updateOf = (toy: Toy): ValueUpdate => ({
    ...markOf(toy),
    kind: "value",
    environment: toy.environment,
    format: "number",
    content: String(toy.count),
    delta: undefined,
    strict: false
  })

  return {
    kind: "toy",
    target: ({ environment }, name) => find(environment, name)?.revision,
    standing: ({ environment }, name) => {
      const toy = find(environment, name)
      return toy && markOf(toy)
    },
    known: () => undefined,
    build: (client, name) =>
      Effect.sync(() => {
        const toy = find(client.environment, name)
        return toy && updateOf(toy)
      }),
    mark: (update) => markOf(find(update.environment, update.key)!),
    page: (environment, pattern, after, limit) =>
      [...view.all()]
        .filter((toy) => toy.environment === environment)
        .map(({ key }) => ({ key: nameOf("toy", key) }))
        .filter(({ key }) => matches(pattern, key) && key > after)
        .sort((a, b) => (a.key < b.key ? -1 : 1))
        .slice(0, limit),
    touched: ({ environment, key }) => [{ environment, key: nameOf("toy", key) }],
    remember: () => {}
  } satisfies KindSource
})
