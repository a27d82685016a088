/**
 * Says what of a key a client is to have: what is current, or what a rollout gives it (RQ2). An edition is a head: that of the view, where no
 * rollout has to do with the key.
 *
 *   EZ1  Clients that are to have the same, since the same position, have one object.
 */
import { Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"
import { type Candidate, type CandidatesShape, isCandidate, type TakenBack } from "../updates/Candidates.ts"
import type { ClientView } from "../updates/Client.ts"
import type { Configuration, Head } from "./Configuration.ts"
import type { ConfigurationView } from "./ConfigurationView.ts"
import type { ConfigurationWish } from "./Wish.ts"

export interface Edition extends Head {
  /** It is a rollout's, and not current. */
  readonly candidate?: Candidate
  /** Milliseconds since 1970, of its revision, where that is another than the version's. */
  readonly since?: number
}

/** Which of the editions that a key has side by side it is: what each of them was before is no other's. */
export const lineOf = ({ candidate, since }: Edition): string =>
  candidate === undefined ? (since === undefined ? "" : "back") : String(candidate.revision)

/** What an edition says. */
export type Content = Pick<
  Configuration,
  "value" | "valueType" | "deleted" | "version" | "revision" | "digest" | "strict" | "template" | "updatedAt"
>

const KIND = "configuration"

export const makeEditions = (
  view: Pick<ConfigurationView["Service"], "head" | "value" | "page">,
  candidates: CandidatesShape
) => {
  const ofCandidates = new WeakMap<Candidate, Edition>()
  const ofTakenBack = new WeakMap<Head, Edition>()

  const given = (environment: string, key: string, candidate: Candidate): Edition => {
    const known = ofCandidates.get(candidate)
    if (known !== undefined) return known
    const { version, revision, digest, strict, template, committedAt } = candidate
    const made = { key, environment, version, revision, digest, deleted: false, strict, template }
    const edition: Edition = { ...made, candidate, since: committedAt }
    ofCandidates.set(candidate, edition)
    return edition
  }

  /** S2: nothing goes backwards, so what is current is given back as of the transition. */
  const back = (head: Head, { revision, committedAt }: TakenBack): Edition => {
    if (head.revision > revision) return head
    const known = ofTakenBack.get(head)
    if (known?.revision === revision) return known
    const edition: Edition = { ...head, revision, since: committedAt }
    ofTakenBack.set(head, edition)
    return edition
  }

  /** EZ1 */
  const of = (client: ClientView, key: string): Edition | undefined => {
    const { environment } = client
    const head = view.head(environment, key)
    if (!candidates.concerns(KIND, environment, key)) return head // CQ2
    const found = candidates.of(KIND, client, key)
    if (found === undefined) return head
    if (isCandidate(found)) return given(environment, key, found)
    return head === undefined ? undefined : back(head, found)
  }

  /** Undefined: it is no more. Fails `DatabaseUnavailable`, `Timeout`. */
  const read = ({ environment, key, candidate }: Edition): Effect.Effect<Content | undefined, HeraldError> =>
    candidate === undefined
      ? view.value(environment, key)
      : Effect.map(candidates.wish(KIND, environment, key, candidate.rollout), (wish) =>
          wish === undefined ? undefined : contentOf(candidate, JSON.parse(wish) as ConfigurationWish)
        )

  /** Heads that a prefix covers, and keys that only a rollout has. */
  const page = (
    environment: string,
    prefix: string,
    after: string,
    limit: number
  ): ReadonlyArray<{ readonly key: string }> => {
    const heads = view.page(environment, { prefix, after, limit })
    const keys = candidates.keys(KIND, environment)
    if (keys.length === 0) return heads
    const rest = keys
      .filter((key) => key > after && key.startsWith(prefix) && view.head(environment, key) === undefined)
      .map((key) => ({ key }))
    if (rest.length === 0) return heads
    return [...heads, ...rest].sort((a, b) => (a.key < b.key ? -1 : 1)).slice(0, limit)
  }

  return { of, read, page }
}

const contentOf = (
  { version, revision, committedAt }: Candidate,
  { value, valueType, digest, strict, template }: ConfigurationWish
): Content => ({
  value: value ?? "",
  valueType,
  deleted: value === null,
  version,
  revision,
  digest,
  strict,
  template,
  updatedAt: committedAt
})
