/** A configuration as JSON in an entry of the shared cache. */
import { Schema } from "effect"
import { Written } from "../../../src/configuration/ConfigurationKind.ts"

export const WrittenEntry = Schema.fromJsonString(Schema.Struct({ ...Written.fields, epoch: Schema.String }))
