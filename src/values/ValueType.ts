/** Names what a value's text is read as. */
import { Schema } from "effect"

export const ValueType = Schema.Literals(["string", "json", "number", "boolean", "yaml"])
export type ValueType = typeof ValueType.Type
