/** From rows and payloads of PostgreSQL to the model. Selections name their columns as the model does. */
import type { Configuration, Head } from "../../../src/configuration/Configuration.ts"
import type { Revision } from "../../../src/propagation/Revision.ts"

/** As JSON and rows carry it: the revision is text. */
export type ConfigurationRow = Omit<Configuration, "revision"> & { readonly revision: string }
export type HeadRow = Omit<Head, "revision"> & { readonly revision: string }

export const CONFIGURATION_COLUMNS = `key, environment, version, revision::text as revision, value, value_type as "valueType", deleted,
  schema_definition as schema, strict, template, digest, herald_millis(created_at) as "createdAt",
  herald_millis(updated_at) as "updatedAt", updated_by as "updatedBy", change_log as "changeLog"`

export const asConfiguration = (row: ConfigurationRow): Configuration => ({ ...row, revision: BigInt(row.revision) })
export const asHead = (row: HeadRow): Head => ({ ...row, revision: BigInt(row.revision) })

export interface RevisionRow {
  readonly revision: string
  readonly epoch: string
  readonly payload: ReadonlyArray<ConfigurationRow>
  readonly traceparent: string
  readonly actor: string
  readonly message: string
  readonly committedAt: number
}

export const asRevision = ({ revision, payload, ...row }: RevisionRow): Revision => ({
  ...row,
  revision: BigInt(revision),
  changes: payload.map(asConfiguration)
})
