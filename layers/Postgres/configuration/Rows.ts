/** Makes rows of PostgreSQL into the model. Queries name columns as the model does. */
import type { Head } from "../../../src/configuration/Configuration.ts"

export type HeadRow = Omit<Head, "revision"> & { readonly revision: string }

export const CONFIGURATION_COLUMNS = `key, environment, version, revision::text as revision, value, value_type as "valueType", deleted,
  schema_definition as schema, strict, template, digest, herald_millis(created_at) as "createdAt",
  herald_millis(updated_at) as "updatedAt", updated_by as "updatedBy", change_log as "changeLog"`

export const asHead = (row: HeadRow): Head => ({ ...row, revision: BigInt(row.revision) })
