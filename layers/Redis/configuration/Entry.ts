/** Entries of the shared cache: their names, and a configuration as JSON. See docs/redis.md. */
import { Schema } from "effect"
import { ConfigurationJson } from "../../../src/configuration/ConfigurationKind.ts"

export const EntryJson = Schema.fromJsonString(Schema.Struct({ ...ConfigurationJson.fields, epoch: Schema.String }))

export const valueKey = (environment: string, key: string) => `config:${key}:${environment}`
export const versionKey = (environment: string, key: string) => `config:version:${key}:${environment}`
