/** Schemas of text that every database and terminal takes: no control characters, no halves of surrogate pairs. Pure. */
import { Schema } from "effect"

/** Text in which a rule finds nothing wrong. */
export const Fitting = (wrong: (text: string) => string | undefined) => Schema.String.check(Schema.makeFilter(wrong))

/** How a JSON Schema says it: not every reader knows classes of characters, or halves of pairs. */
const shown = { toJsonSchema: () => ({ pattern: "^[^\\u0000-\\u001f\\u007f-\\u009f]*$" }) }

/** Such text of at most `max` UTF-16 units. */
export const Plain = (max: number) =>
  Schema.String.check(Schema.isMaxLength(max), Schema.isPattern(/^[^\p{Cc}\p{Cs}]*$/u, shown))
