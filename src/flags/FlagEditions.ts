/**
 * Says what of a flag a client is to have: what is current, or what a rollout gives it (RQ2), with whatever flags that needs as the same client
 * has them.
 *
 *   FK8  A client that is in the cohort of a flag evaluates with that flag's candidate whatever needs it, too; nobody else does.
 *   FK9  What a candidate says is read once, and kept within `BUDGET` bytes. Until it is here a client has to be looked at again, whatever it has.
 */
import { Effect } from "effect"
import { Weighed } from "../bounds/Weighed.ts"
import type { HeraldError } from "../errors/HeraldError.ts"
import type { Definition } from "../evaluation/Definition.ts"
import type { Change } from "../propagation/Revision.ts"
import { type Candidate, type CandidatesShape, isCandidate } from "../updates/Candidates.ts"
import type { ClientView } from "../updates/Client.ts"
import type { FlagWish } from "./FeatureFlag.ts"
import type { FlagView } from "./FlagView.ts"

const KIND = "flag"
/** Bytes of candidates. A text counts several times: it is read. */
const BUDGET = 16 * 1_048_576

/** A candidate as it would be evaluated. */
interface Read {
  /** The candidate's. */
  readonly digest: string
  readonly bytes: number
  /** Undefined: this node can't read it. */
  readonly definition: Definition | undefined
  readonly needs: ReadonlyArray<string>
  readonly uses: ReadonlyArray<string>
  readonly bucketing: string
}

/** One flag as a client has it. */
interface One {
  readonly version: number
  readonly revision: bigint
  readonly definition: Definition | undefined
  /** Milliseconds since 1970. */
  readonly committedAt: number
  readonly uses: ReadonlyArray<string>
  /** Tells what a rollout makes of it; "" where none does. */
  readonly print: string
}

/** A flag as a client has it that has something of a rollout, in it or in what it needs. */
export interface FlagEdition {
  readonly version: number
  /** FK4. While something of it is not here: what is known of it. */
  readonly revision: bigint
  /** Undefined: it can't be read. */
  readonly definition: Definition | undefined
  readonly committedAt: number
  readonly definitionOf: (flag: string) => Definition | undefined
  /** The same for all clients that have the same. */
  readonly print: string
  /** Candidates that have to be read before anything can be said. FK9 */
  readonly missing: ReadonlyArray<{ readonly key: string; readonly candidate: Candidate }>
}

export const makeFlagEditions = (
  view: Pick<FlagView["Service"], "find" | "flag" | "shared" | "dependents" | "as">,
  candidates: CandidatesShape
) => {
  const kept = new Weighed<Read>(({ bytes }) => 1_024 + 4 * bytes)
  const idOf = (environment: string, key: string) => `${environment}\u0000${key}`

  const readOf = (environment: string, key: string, { digest }: Candidate): Read | undefined => {
    const found = kept.use(idOf(environment, key))
    return found?.digest === digest && found.bucketing === view.as(environment).how.bucketing ? found : undefined
  }

  /** As the client has it; a candidate: it is not here yet. Undefined: there is none. */
  const oneOf = (client: ClientView, key: string): One | Candidate | undefined => {
    const { environment } = client
    const flag = view.find(environment, key)
    const found = candidates.concerns(KIND, environment, key) ? candidates.of(KIND, client, key) : undefined
    if (isCandidate(found)) {
      const read = readOf(environment, key, found)
      if (read === undefined) return found
      const { version, revision, committedAt } = found
      const { definition, uses } = read
      return { version, revision, definition, committedAt, uses, print: `${key} ${version}@${revision}` }
    }
    if (flag === undefined) return undefined
    const { version, uses = [], updatedAt } = flag
    const definition = view.flag(environment, key)?.definition
    if (found === undefined || flag.revision > found.revision)
      return { version, revision: flag.revision, definition, committedAt: updatedAt, uses, print: "" }
    const { revision, committedAt } = found
    return { version, revision, definition, committedAt, uses, print: `${key} @${revision}` }
  }

  /** Undefined: it has what is current. */
  const of = (client: ClientView, key: string): FlagEdition | undefined => {
    const { environment } = client
    if (!candidates.concernsAny(KIND, environment)) return undefined // CQ2
    // Most flags are in none and need no other.
    if (!candidates.concerns(KIND, environment, key) && !view.flag(environment, key)?.definition.prerequisites.length)
      return undefined
    const names = new Set([key])
    const missing: Array<{ readonly key: string; readonly candidate: Candidate }> = []
    const found = new Map<string, One>()
    let [print, newest, version] = ["", 0n, 0]
    let committedAt = 0
    const stand = (revision: bigint | undefined): void => {
      if (revision !== undefined && revision > newest) newest = revision
    }
    for (const name of names) {
      const one = oneOf(client, name)
      if (one === undefined) continue
      if ("rollout" in one) missing.push({ key: name, candidate: one })
      else {
        found.set(name, one)
        if (one.print !== "") print += `${one.print}\n`
        stand(view.shared(environment, one.uses))
        for (const { flag } of one.definition?.prerequisites ?? []) names.add(flag)
      }
      if (one.revision > newest) committedAt = one.committedAt
      stand(one.revision)
      if (name === key) version = one.version
    }
    if (print === "" && missing.length === 0) return undefined
    const definitionOf = (name: string) => found.get(name)?.definition
    return { version, revision: newest, definition: definitionOf(key), committedAt, definitionOf, print, missing }
  }

  /** Reads a candidate. False: it is no more. Fails `DatabaseUnavailable`, `Timeout`. */
  const load = (
    environment: string,
    key: string,
    { rollout, digest }: Candidate
  ): Effect.Effect<boolean, HeraldError> =>
    Effect.map(candidates.wish(KIND, environment, key, rollout), (wish) => {
      if (wish === undefined) return false
      const { definition: text, uses = [] } = JSON.parse(wish) as FlagWish
      const as = view.as(environment)
      const definition = text === null ? undefined : as.read(text)
      const needs = definition?.prerequisites.map(({ flag }) => flag) ?? []
      const { bucketing } = as.how
      kept.set(idOf(environment, key), { digest, bytes: text?.length ?? 0, definition, needs, uses, bucketing })
      kept.trim(BUDGET)
      return true
    })

  /** Flags whose candidates may be evaluated otherwise since these changed, and what needs them. */
  const affected = (change: Change, changed: Set<string>): void => {
    const { kind, environment } = change
    const add = (key: string): boolean => {
      const before = changed.size
      changed.add(key)
      for (const one of view.dependents(environment)?.of(key) ?? []) changed.add(one)
      return changed.size > before
    }
    for (const key of candidates.touched(KIND, change)) add(key)
    const rest = new Set(candidates.keys(KIND, environment))
    if (kind === "segment" || kind === "flag_settings") for (const key of rest) add(key)
    if (changed.size === 0) return
    for (let more = true; more; ) {
      more = false
      for (const key of rest) {
        const read = kept.get(idOf(environment, key))
        if (read !== undefined && !read.needs.some((one) => changed.has(one))) continue
        rest.delete(key)
        if (add(key)) more = true
      }
    }
  }

  return { of, load, affected }
}
