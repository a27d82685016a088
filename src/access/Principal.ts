/**
 * Checks names of principals: who acts, by one or several API keys. Pure.
 *
 *   PN1  Names that differ only in case or width are of one principal, and only its first spelling is used.
 *   PN2  Names under which Herald itself acts belong to nobody.
 *   PN3  A further key of a principal is made only where that is asked for, so that nobody becomes another by mistake.
 *   PN6  A further key is of a principal that has one: of a typo no new one is made.
 *   PN4  A rotated key goes on to work until its grace ends, and what belongs to its principal stays with it.
 *   PN5  An entry of the audit log that tells what a principal did names its key too, as `keyId`.
 */
import { failure, type HeraldError } from "../errors/HeraldError.ts"

/** Printable characters only, so that a name can't disturb logs and terminals. */
export const NAME = /^[\p{L}\p{N}][\p{L}\p{N} ._@+/-]{0,127}$/u

/** Names of the server itself. Clients are in the audit log as `client:…`, which is no name of a principal. PN2 */
const reserved: ReadonlySet<string> = new Set(["herald", "system", "node"])

/** The form in which names are compared. Upper case first, as some letters have several small forms. PN1 */
export const folded = (name: string): string => name.normalize("NFKC").toUpperCase().toLowerCase().normalize("NFKC")

/** What is wrong with a name, or undefined. */
export const nameProblem = (name: string): string | undefined => {
  if (!NAME.test(name) || !NAME.test(folded(name)))
    return "name: 1 to 128 letters, digits, spaces and . _ @ + / - characters, the first a letter or digit"
  return reserved.has(folded(name)) ? `name: ${name} is a name of Herald itself` : undefined
}

/** PN1, PN3 */
export const principalExists = (name: string): HeraldError => failure("PrincipalExists", `there is a principal ${name}`)

/** What an audit entry says of the key by which a principal acted. PN5 */
export const actingKey = (id: string | undefined): { readonly keyId?: string } =>
  id === undefined ? {} : { keyId: id }
