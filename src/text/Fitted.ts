/** Makes foreign text fit where it is kept. Pure. */

/** Stands in for a character that can't stay. */
const REPLACED = "\ufffd"
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is replaced
const UNSAFE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

/** Cuts to `max` UTF-16 units, and replaces what no database or terminal can take. */
export const fitted = (text: string, max: number): string => text.slice(0, max).toWellFormed().replace(UNSAFE, REPLACED)
