/** What is to be done at a time, as it is kept: as it was asked for, without what the door found in it. Pure. */
import type { Draft } from "../configuration/Draft.ts"
import { type FlagDraft, kindOf } from "../flags/FlagDraft.ts"
import { type Expected, nameOf } from "./Schedule.ts"

/** Drafts of one environment. */
export interface Drafts {
  readonly changes: ReadonlyArray<Draft>
  /** And what they share. */
  readonly flags: ReadonlyArray<FlagDraft>
}

type Kept<D> = Omit<D, "environment" | "expectedVersion" | "found" | "condition">
interface Body {
  readonly changes: ReadonlyArray<Kept<Draft>>
  readonly flags: ReadonlyArray<Kept<FlagDraft>>
}

export const kindsOf = ({ changes, flags }: Drafts) => [
  ...changes.map((draft) => ({ kind: "configuration", draft })),
  ...flags.map((draft) => ({ kind: kindOf(draft), draft }))
]

export const bodyOf = ({ changes, flags }: Drafts): string =>
  JSON.stringify({
    changes: changes.map(({ environment: _, expectedVersion: __, found: ___, condition: ____, ...kept }) => kept),
    flags: flags.map(({ environment: _, expectedVersion: __, ...kept }) => kept)
  } satisfies Body)

/** As a node wrote it. */
export const draftsOf = (body: string, environment: string, expected: Expected): Drafts => {
  const { changes, flags } = JSON.parse(body) as Body
  const at = <D extends { readonly key: string }>(kind: string, draft: D) => ({
    ...draft,
    environment,
    expectedVersion: expected[nameOf({ kind, key: draft.key })]
  })
  return {
    changes: changes.map((draft) => at("configuration", draft)),
    flags: flags.map((draft) => at(kindOf(draft), draft))
  }
}
