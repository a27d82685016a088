/** Answers who may what, as the doors decide it: for whoever asks about themselves, and for admins about all API keys. */
import { Clock, Effect } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { keyRule } from "../keys/Key.ts"
import { environmentProblem } from "../keys/Target.ts"
import { wrongTopicName } from "../keys/TopicName.ts"
import { excerpt } from "../text/Excerpt.ts"
import { requireSignedIn } from "./Access.ts"
import { type ApiKey, isGood } from "./ApiKeyStore.ts"
import { type Act, type Decision, decide } from "./Decision.ts"
import { granted, type Identity, identityOf, type Permission } from "./Identity.ts"
import { isKeyPattern, keyPatternRule } from "./KeyScope.ts"
import { topicsOf } from "./TopicRights.ts"

export interface Self {
  readonly identity: Identity
  readonly permissions: ReadonlyArray<Permission>
  /** As its grant says them, or as its environments and keys do. KX1 */
  readonly topics: ReadonlyArray<string>
}

/** Fails `Unauthenticated`. */
export const whoAmI: Effect.Effect<Self, HeraldError> = Effect.map(requireSignedIn, (identity) => ({
  identity,
  permissions: [...granted[identity.role]],
  topics: topicsOf(identity)
}))

const asked = ({ environment, on, topic }: Act): Effect.Effect<void, HeraldError> => {
  const problem = environment === undefined ? undefined : environmentProblem(environment)
  if (problem !== undefined) return Effect.fail(problem)
  const key = typeof on === "object" ? on.key : undefined
  if (key !== undefined && !isKeyPattern(key))
    return Effect.fail(failure("InvalidKey", `${excerpt(key)} is not ${keyPatternRule}: a key has ${keyRule}`))
  const wrongTopic = topic === undefined ? undefined : wrongTopicName(topic)
  return wrongTopic === undefined
    ? Effect.void
    : Effect.fail(failure("InvalidInput", `topic: ${excerpt(topic ?? "")} ${wrongTopic}`))
}

/** What the caller would be told, without doing it; of a pattern, whether they may with each of its keys. Fails `Unauthenticated`, `InvalidInput`. */
export const canI = Effect.fn("Access.canI")(function* (act: Act): Effect.fn.Return<Decision, HeraldError> {
  const identity = yield* requireSignedIn
  yield* asked(act)
  return decide(identity, act, yield* Clock.currentTimeMillis)
})

export interface Holder {
  readonly key: ApiKey
  /** Undefined where nothing was asked for. */
  readonly decision: Decision | undefined
}

/** The API keys that are good, with what each may. `keys`: all of them. Fails `InvalidInput`. */
export const holdersOf = Effect.fn("Access.holders")(function* (
  keys: ReadonlyArray<ApiKey>,
  act: Act | undefined
): Effect.fn.Return<ReadonlyArray<Holder>, HeraldError> {
  if (act !== undefined) yield* asked(act)
  const now = yield* Clock.currentTimeMillis
  return keys
    .filter((key) => isGood(key, now))
    .map((key) => ({ key, decision: act === undefined ? undefined : decide(identityOf(key), act, now) }))
})
