/**
 * Checks what clients say of themselves: service, instance, labels. Pure, without imports.
 *
 *   CN1  Names of services, instances and labels have 1 to 128 characters, a label's value at most 1,024: well-formed Unicode without
 *        control characters, so that every database, log and terminal can show them.
 */

/** Characters of a service's or an instance's name. */
export const CLIENT_NAME_LENGTH = 128
/** Characters. */
export const LABEL_NAME_LENGTH = 128
export const LABEL_VALUE_LENGTH = 1_024
/** Labels of one client. */
export const MOST_LABELS = 64

const CONTROL = /\p{Cc}/u
/** A decoder puts it where bytes are not UTF-8. */
const REPLACED = "\ufffd"

/** What is wrong with a text of a client, which may be empty. */
export const wrongText = (text: string, longest: number): string | undefined => {
  if (text.length > longest) return `has ${text.length} characters: give 1 to ${longest}`
  if (CONTROL.test(text)) return "holds control characters"
  return text.isWellFormed() ? undefined : "is not well-formed Unicode"
}

/** What is wrong with a name, worded to follow what it is the name of. */
export const wrongName = (name: string, longest: number = CLIENT_NAME_LENGTH): string | undefined => {
  if (name === "") return "is missing"
  return wrongText(name, longest) ?? (name.includes(REPLACED) ? "is not valid UTF-8" : undefined)
}

/** What is wrong with a label; begins with which label, and whether it is the name or the value. */
export const wrongLabel = (name: string, value: string): string | undefined => {
  const wrong = wrongName(name, LABEL_NAME_LENGTH)
  if (wrong !== undefined) return `has a name that ${wrong}`
  const its = wrongText(value, LABEL_VALUE_LENGTH)
  return its === undefined ? undefined : `${name} ${its}`
}
