/** Sessions of clients in and out of a cohort, and what they are told, in words. */
import { it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { digestOf } from "../../layers/Crypto/values/Sha256.ts"
import * as Memory from "../../layers/Memory/Memory.ts"
import { State } from "../../layers/Memory/State.ts"
import { Access } from "../../src/access/Access.ts"
import { Commits } from "../../src/commits/Commits.ts"
import type { Wish } from "../../src/commits/Release.ts"
import { configurationUpdates } from "../../src/configuration/ConfigurationUpdates.ts"
import { ConfigurationView } from "../../src/configuration/ConfigurationView.ts"
import { FlagSettingsView } from "../../src/flags/FlagSettingsView.ts"
import { Flags } from "../../src/flags/Flags.ts"
import { flagUpdates } from "../../src/flags/FlagUpdates.ts"
import { FlagView } from "../../src/flags/FlagView.ts"
import { SegmentView } from "../../src/flags/SegmentView.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import type { Change } from "../../src/propagation/Revision.ts"
import { Views } from "../../src/propagation/Views.ts"
import * as CandidatesOf from "../../src/rollouts/CandidatesOf.ts"
import { bucketOf } from "../../src/rollouts/Cohort.ts"
import type { Target } from "../../src/rollouts/Rollout.ts"
import { RolloutView } from "../../src/rollouts/RolloutView.ts"
import { Sessions } from "../../src/sessions/Sessions.ts"
import * as Sources from "../../src/updates/Sources.ts"
import { settle } from "./Clock.ts"
import { FakeSink } from "./FakeSink.ts"
import { change, release } from "./Release.ts"
import * as Twin from "./RolloutTwin.ts"
import { subscription } from "./Subscription.ts"
import { below, kinds, sessions } from "./Twins.ts"

export const HALF = 2 ** 31
export const ALL = 2 ** 32
export const SALT = "salt"
/** Names of instances by their buckets. */
const named = (is: (bucket: number) => boolean, but: ReadonlyArray<string> = []): string =>
  Array.from({ length: 1_000 }, (_, n) => `web-${n}`).find((one) => is(bucketOf(SALT, one)) && !but.includes(one))!
export const IN = named((bucket) => bucket < HALF / 2)
export const LATER = named((bucket) => bucket >= HALF / 2 && bucket < HALF)
export const OUT = named((bucket) => bucket >= HALF)

export const layer = Layer.unwrap(
  Effect.sync(() => {
    const state = new State()
    const held = Layer.succeed(State.service, state)
    const stores = Twin.stores.pipe(Layer.provideMerge(Layer.merge(Memory.layerOn(state), held)))
    const parts = Layer.mergeAll(
      ConfigurationView.layer,
      FlagView.layer,
      SegmentView.layer,
      FlagSettingsView.layer,
      Twin.view
    )
    const views = Views.layer(ConfigurationView, FlagView, SegmentView, FlagSettingsView, RolloutView).pipe(
      Layer.provideMerge(parts)
    )
    const propagation = Propagation.layer({ pollInterval: "500 millis", staleAfter: "3 seconds" }).pipe(
      Layer.provideMerge(views),
      Layer.provideMerge(kinds)
    )
    const access = Layer.mock(Access, { stillValid: () => Effect.succeed(true) })
    const sources = Sources.layer(configurationUpdates, flagUpdates).pipe(Layer.provideMerge(CandidatesOf.layer))
    return Layer.merge(Flags.layer, sessions({}, sources)).pipe(
      Layer.provideMerge(propagation),
      Layer.provideMerge(Layer.merge(below(stores), access))
    )
  })
)

export const commit = Effect.fnUntraced(function* (...changes: ReadonlyArray<Wish>) {
  const { revision } = yield* (yield* Commits).commit<Change>({ ...release([]), changes })
  yield* (yield* Propagation).hint(revision)
  yield* settle
  return revision
})

const targetOf = (key: string, value: string, version: number, more: Partial<Target> = {}): Target => ({
  kind: "configuration",
  key,
  base: version - 1,
  version,
  digest: digestOf(value),
  strict: false,
  template: value.includes("{{"),
  ...more
})
export const begin = (key: string, of: Readonly<Record<string, string>>, below?: number, version = 2): Twin.Move => ({
  kind: "rollout",
  environment: "production",
  key,
  to: below === undefined ? "scheduled" : "deploying",
  ...(below === undefined ? {} : { below }),
  of: { salt: SALT, targets: Object.entries(of).map(([name, value]) => targetOf(name, value, version)) },
  wishes: Object.entries(of).map(([name, value]) => ({ key: name, wish: change(name, value) }))
})
export const move = (key: string, to: Twin.Move["to"], below?: number): Twin.Move => ({
  kind: "rollout",
  environment: "production",
  key,
  to,
  ...(below === undefined ? {} : { below })
})

export class Client {
  readonly sink = new FakeSink()
  readonly #answered = new Set<unknown>()
  readonly session: Effect.Success<ReturnType<Sessions["Service"]["open"]>>

  constructor(open: (sink: FakeSink) => Client["session"]) {
    this.session = open(this.sink)
  }
  get told(): ReadonlyArray<string> {
    return this.sink.got.flatMap((update) => {
      if (update.kind === "problem") return [`${update.key} problem ${update.message}`]
      if (update.kind !== "value" && update.kind !== "deleted") return []
      const { key, kind, version, revision, content, delta } = update
      return [`${key} ${kind === "value" ? `${content} v${version}` : kind} @${revision}${delta ? " patched" : ""}`]
    })
  }
  get held() {
    return [...new Map(this.sink.values.map((one) => [one.key, one])).values()].map(
      ({ key, kind, digest, revision }) => [key, kind === "value" ? digest : "", revision] as const
    )
  }
  /** Answers all that it was told and did not answer. */
  answer(sessions: Sessions["Service"], applied = true): void {
    for (const update of this.sink.values) {
      if (this.#answered.has(update)) continue
      this.#answered.add(update)
      const { key, revision, epoch } = update
      sessions.heard(this.session, [{ key, revision, epoch, applied, reason: applied ? "" : "no" }])
    }
  }
}

export const connect = Effect.fnUntraced(function* (
  instance: string,
  options: Parameters<typeof subscription>[0] & { readonly labels?: Record<string, string> } = {}
) {
  const all = yield* Sessions
  const { labels = {}, ...rest } = options
  const client = { environment: "production", service: "svc", instance, labels }
  const sink = new FakeSink()
  const session = yield* all.open(subscription({ client, acceptsDelta: true, ...rest }), sink)
  const made = new Client(() => session)
  Object.assign(made, { sink })
  yield* settle
  return made
})
export const again = (instance: string, before: Client, labels: Record<string, string> = {}) =>
  Effect.flatMap(Propagation, (propagation) =>
    connect(instance, { held: before.held, position: propagation.position(), labels })
  )
export const answered = Effect.fnUntraced(function* (...clients: ReadonlyArray<Client>) {
  const all = yield* Sessions
  for (const client of clients) client.answer(all)
})
export const test = (name: string, body: Effect.Effect<void, unknown, Layer.Success<typeof layer>>) =>
  it.effect(name, () => body.pipe(Effect.provide(layer)))
export const rows = Effect.map(State.service, Twin.rowsOf)
