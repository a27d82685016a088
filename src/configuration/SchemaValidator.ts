/** Port: JSON Schema 2020-12 off the main thread, within a time limit. Remote `$ref` is refused. */
import { Context, type Effect } from "effect"
import type { HeraldError } from "../errors/HeraldError.ts"

export class SchemaValidator extends Context.Service<
  SchemaValidator,
  {
    /** Fails `InvalidSchema` (can't be compiled, remote $ref, too slow) or `SchemaViolation` (message names the path). */
    readonly validate: (schema: unknown, value: unknown) => Effect.Effect<void, HeraldError>
  }
>()("herald/configuration/SchemaValidator") {}
