/** Plans as JSON: as people write them. */
import { Schema } from "effect"
import { Labels } from "../Wire.ts"

export const shown = (json: Readonly<Record<string, unknown>>) =>
  Schema.makeFilter<string>(() => undefined, { toJsonSchema: () => json })

export const Text = (most: number, example: string) =>
  Schema.String.check(shown({ minLength: 1, maxLength: most, pattern: "^[^\\u0000]*$" })).annotate({
    examples: [example]
  })
const Span = Text(40, "5m")

/** `1%`, `5`, `region=eu:10%`, `@web-1+web-2`, each with `for 5m` and `approve` behind it; or its members. */
const StageBody = Schema.Struct({
  share: Schema.optionalKey(Text(20, "10%")),
  where: Schema.optionalKey(Labels),
  instances: Schema.optionalKey(Schema.Array(Text(256, "web-1"))),
  bake: Schema.optionalKey(Span),
  approval: Schema.optionalKey(Schema.Boolean)
})

/**
 * Who gets it in which order, and what has to be true before it goes on. `stages`: one text with commas, or a list. `gates`: `unhealthy < 2%`,
 * `errors/requests <= 1.5 * control`, `prometheus(https://…): QUERY < 0.01`, `webhook(https://…)`, with `at least N`, `coverage P%` and `dry run` behind
 * commas; left out: rejected, lost and unhealthy.
 */
const PlanBody = Schema.Struct({
  stages: Schema.Union([
    Text(4_000, "1%,10%,50%,100%"),
    Schema.Array(Schema.Union([Text(1_000, "1% for 5m"), StageBody]))
  ]),
  bake: Schema.optionalKey(Span),
  approval: Schema.optionalKey(Schema.Boolean),
  gates: Schema.optionalKey(Schema.Array(Text(2_000, "unhealthy < 2%"))),
  deadline: Schema.optionalKey(Span),
  late: Schema.optionalKey(Schema.Literals(["pause", "roll back"])),
  applied: Schema.optionalKey(Text(20, "90%")),
  lostAfter: Schema.optionalKey(Span),
  crashes: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000 }))),
  patience: Schema.optionalKey(Span),
  windows: Schema.optionalKey(
    Schema.Union([Text(1_000, "Mon-Fri 09:00-16:00 UTC"), Schema.Array(Text(60, "daily 09:00-16:00"))])
  ),
  raise: Schema.optionalKey(Text(100, "on"))
}).annotate({ identifier: "RolloutPlan" })

/** The name of a plan of the environment, or one. */
export const PlanOf = Schema.Union([Text(64, "careful"), PlanBody])
