/**
 * Checks keys. Pure, without imports, so that the server and the SDK have the same rule.
 *
 *   KY1  A key has 1 to 256 letters, digits and . _ - / : and begins and ends with a letter, a digit or _. Wherever one comes in, this
 *        decides, and what is told of one that is wrong is worded here.
 */

/** Characters. */
export const KEY_LENGTH = 256

/** Its characters; the length is checked apart. */
export const KEY = /^[A-Za-z0-9_](?:[A-Za-z0-9_\-./:]*[A-Za-z0-9_])?$/

export const isKey = (key: string): boolean => key.length <= KEY_LENGTH && KEY.test(key)

export const keyRule = `1 to ${KEY_LENGTH} letters, digits and . _ - / :, beginning and ending with a letter, digit or _`

/** What is wrong with it, worded to follow its name: "is not a key: …". */
export const wrongKey = (key: string): string | undefined => (isKey(key) ? undefined : `is not a key: ${keyRule}`)

/** The key that holds an environment's template variables: a flat JSON object. */
export const VARIABLES_KEY = "herald.variables"
