/** Text that every database and terminal takes: no control characters, no halves of characters. Pure. */
import { Schema } from "effect"

/** Text with which a rule finds nothing wrong. */
export const Fitting = (wrong: (text: string) => string | undefined) => Schema.String.check(Schema.makeFilter(wrong))

/** How a JSON Schema says it: names of classes, and halves of characters, are not known to every reader. */
const shown = { toJsonSchema: () => ({ pattern: "^[^\\u0000-\\u001f\\u007f-\\u009f]*$" }) }

/** At most `max` UTF-16 units of it. */
export const Plain = (max: number) =>
  Schema.String.check(Schema.isMaxLength(max), Schema.isPattern(/^[^\p{Cc}\p{Cs}]*$/u, shown))
