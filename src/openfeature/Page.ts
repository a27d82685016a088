/**
 * Evaluations as a text for a page that a server renders. Pure.
 *
 *   PJ1  The text is JSON, and as it is part of HTML: nothing in it ends a script or begins a comment, whatever flags hold.
 *   PJ2  Only flags that were named are evaluated for it, where some were named: a browser's user reads all of it.
 */
import { evaluations } from "../evaluation/Ofrep.ts"
import type { Resolution } from "../evaluation/Resolution.ts"

/** Within JSON they stand in texts and names alone. PJ1 */
const HARMFUL = /[<>&\u2028\u2029]/g

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`

export const pageText = (all: ReadonlyArray<readonly [name: string, resolution: Resolution]>): string =>
  evaluations(all).replace(HARMFUL, escaped)
