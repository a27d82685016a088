/** Decides what stands in the way of a release, as herald_problem and herald_basis_problem do. */

import { Overtaken } from "../../../src/commits/Conflict.ts"
import type { Release } from "../../../src/commits/Release.ts"
import type { Configuration } from "../../../src/configuration/Configuration.ts"
import { conflictOf } from "../../../src/configuration/Conflict.ts"
import type { Basis, ConfigurationWish } from "../../../src/configuration/Wish.ts"
import type { HeraldError } from "../../../src/errors/HeraldError.ts"
import { covers } from "../../../src/propagation/Position.ts"
import { canonical } from "../../../src/values/Canonical.ts"
import type { State } from "../State.ts"

const outdated = (changed: "rules" | "variables" | "templates", environment: string, key: string) =>
  new Overtaken({
    name: "VersionConflict",
    message: `${key} in ${environment} was changed while this was checked (${changed})`,
    details: { key, environment, changed }
  })

export const changeProblem = (
  change: ConfigurationWish,
  current: Configuration | undefined
): HeraldError | undefined => {
  const conflict = conflictOf(change, current)
  if (conflict !== undefined) return conflict
  const live = current === undefined || current.deleted ? undefined : current
  return keeps(change, live) ? undefined : outdated("rules", change.environment, change.key)
}

const keeps = ({ kept, schema, strict, valueType }: ConfigurationWish, live: Configuration | undefined): boolean => {
  if (kept === undefined) return true
  if (kept.live !== (live !== undefined)) return false
  return (
    live === undefined ||
    kept.fields.every((field) => {
      if (field === "schema") return canonical(schema) === canonical(live.schema)
      return field === "strict" ? strict === live.strict : valueType === live.valueType
    })
  )
}

export const basisProblem = (state: State, release: Release): HeraldError | undefined => {
  const { changes } = release
  const basis = release.basis as Basis | undefined
  for (const { environment, key, digest } of basis?.values ?? []) {
    const held = state.versions.get(`${environment}/${key}`)?.at(-1)
    if ((held === undefined || held.deleted ? "" : held.digest) !== digest)
      return outdated("variables", environment, key)
  }
  const touched = new Set(
    changes.flatMap(({ kind, environment, key }) => (kind === "configuration" ? `${environment}/${key}` : []))
  )
  for (const { environment, position } of basis?.templates ?? []) {
    for (const [id, versions] of state.versions) {
      const { environment: its, key, template, deleted, revision } = versions.at(-1)!
      if (its !== environment || !template || deleted || touched.has(id)) continue
      if (!covers(position, { epoch: state.epoch, revision })) return outdated("templates", environment, key)
    }
  }
  return undefined
}
