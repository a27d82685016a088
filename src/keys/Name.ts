/**
 * How a key of any kind is named where several kinds meet: in sessions, and on their wire. Pure, without packages: the SDK has it, too.
 *
 *   US1  A key of the first kind, a configuration, is named by itself, and one of any other kind `@<kind>/<key>`, which is no valid key. So
 *        a session's sets, marks, interest and notes go by one string, in which no two kinds meet.
 *   US3  A pattern of another kind is `@<kind>/` and a pattern, or `@<kind>/*`, which covers all of its keys. `*` covers none of them.
 */
import { isKey, wrongKey } from "./Key.ts"
import { wrongPattern } from "./Pattern.ts"

/** US1 */
export const nameOf = (kind: string, key: string): string => `@${kind}/${key}`

/** The kind that a name or a pattern begins with; "" for none. US1 */
export const kindIn = (name: string): string =>
  name.charCodeAt(0) === AT ? name.slice(1, name.indexOf("/") < 0 ? undefined : name.indexOf("/")) : ""

/** The key, or the pattern, without its kind. */
export const keyIn = (name: string): string => (name.charCodeAt(0) === AT ? name.slice(name.indexOf("/") + 1) : name)

const AT = 64
const KIND = /^@[a-z]{1,32}\//

/** What is wrong with it, worded to follow it. */
export const wrongName = (name: string): string | undefined =>
  KIND.test(name) && isKey(keyIn(name)) ? undefined : wrongKey(name)

/** What is wrong with it, worded to follow it. US3 */
export const wrongNamePattern = (pattern: string): string | undefined =>
  KIND.test(pattern) && (keyIn(pattern) === "*" || wrongPattern(keyIn(pattern)) === undefined)
    ? undefined
    : wrongPattern(pattern)
