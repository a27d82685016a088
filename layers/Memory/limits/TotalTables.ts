/** What a `State` holds by environment: the counterpart of the table of migration 0046. */
import type { Release, Wish } from "../../../src/commits/Release.ts"
import type { ConfigurationWish } from "../../../src/configuration/Wish.ts"
import type { HeraldError } from "../../../src/errors/HeraldError.ts"
import type { KeptWish } from "../../../src/flags/FlagDraft.ts"
import type { Stored } from "../../../src/flags/Stored.ts"
import { type Amount, fullProblem, type QuotasOf } from "../../../src/limits/Quotas.ts"
import { bytesOf } from "../../../src/values/Value.ts"
import { entryOf } from "../commits/Table.ts"
import { IdListTables } from "../flags/IdListTables.ts"
import { Tables } from "../flags/Tables.ts"
import type { State } from "../State.ts"

const NOTHING: Amount = { keys: 0, bytes: 0 }

export class TotalTables {
  readonly totals = new Map<string, Amount>()

  /** As `herald_full`. */
  problem(added: ReadonlyMap<string, Amount>, quotas: QuotasOf, isBack: boolean): HeraldError | undefined {
    for (const [environment, adds] of added) {
      const problem = fullProblem(environment, this.totals.get(environment) ?? NOTHING, adds, quotas, isBack)
      if (problem !== undefined) return problem
    }
    return undefined
  }

  add(added: ReadonlyMap<string, Amount>): void {
    for (const [environment, adds] of added)
      this.totals.set(environment, plus(this.totals.get(environment) ?? NOTHING, adds))
  }
}

/** Whether a rollout gives back what was there before. EQ3 */
export const goesBack = ({ changes }: Pick<Release, "changes">): boolean =>
  changes.some((wish) => {
    const { kind, op, to } = wish as Wish & { readonly op?: string; readonly to?: string }
    return kind === "rollout" && op === "move" && (to === "rolled_back" || to === "aborted")
  })

/** What a release adds to its environments, as it stands before it. */
export const addedBy = (state: State, { changes }: Pick<Release, "changes">): ReadonlyMap<string, Amount> => {
  const added = new Map<string, Amount>()
  for (const wish of changes) {
    const [was, is] = [heldOf(state, wish), wishedOf(state, wish)]
    if (was === undefined && is === undefined) continue
    const more = { keys: Number(is !== undefined) - Number(was !== undefined), bytes: (is ?? 0) - (was ?? 0) }
    added.set(wish.environment, plus(added.get(wish.environment) ?? NOTHING, more))
  }
  return added
}

const plus = (one: Amount, other: Amount): Amount => ({ keys: one.keys + other.keys, bytes: one.bytes + other.bytes })

/** Bytes of what there is; undefined: nothing, or nothing that counts. */
const heldOf = (state: State, wish: Wish): number | undefined => {
  if (wish.kind === "configuration") {
    const head = state.versions.get(entryOf(wish))?.at(-1)
    return head === undefined || head.deleted ? undefined : sizeOf(head.value, head.schema)
  }
  if (wish.kind !== "flag" && wish.kind !== "segment") return undefined
  const head = state.tables(Tables).of(wish.kind).of(wish).at(-1)
  return head === undefined || head.deleted ? undefined : definedOf(state, head)
}

const wishedOf = (state: State, wish: Wish): number | undefined => {
  if (wish.kind === "configuration") {
    const { value, schema } = wish as ConfigurationWish
    return value === null ? undefined : sizeOf(value, schema)
  }
  if (wish.kind !== "flag" && wish.kind !== "segment") return undefined
  const { definition, list } = wish as KeptWish
  return definition === null ? undefined : definedOf(state, { definition, list })
}

const definedOf = (
  state: State,
  { definition, list }: { definition: string; list?: Stored["list"] | undefined }
): number => bytesOf(definition) + (list === undefined ? 0 : (state.tables(IdListTables).lists.get(list)?.bytes ?? 0))

const sizeOf = (value: string, schema: unknown): number => bytesOf(value) + (schema === null ? 0 : writtenOf(schema))

/** Bytes of a JSON value as PostgreSQL writes it: with a space behind each comma and colon. */
const writtenOf = (value: unknown): number => {
  if (typeof value !== "object" || value === null) return bytesOf(JSON.stringify(value))
  const list = Array.isArray(value)
  const parts = list
    ? value.map(writtenOf)
    : Object.entries(value).map(([name, its]) => bytesOf(JSON.stringify(name)) + 2 + writtenOf(its))
  return parts.reduce((sum, bytes) => sum + bytes, 2 + 2 * Math.max(0, parts.length - 1))
}
