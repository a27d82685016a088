/**
 * What was meant by a verb or an option that isn't there, in the words in which it is typed. Pure.
 *
 *   WV1  Offered is what there is: a verb with the words before it, options of the verb and those that every verb takes.
 */
import type * as Command from "effect/cli/Command"
import { nearby } from "../text/Nearest.ts"

type Verb = Pick<Command.Command.Any, "name" | "subcommands">

/** Verbs by what is typed for them: `access whoami`. */
export const verbsOf = (command: Verb, before: ReadonlyArray<string> = []): ReadonlyArray<string> =>
  command.subcommands.flatMap(({ commands }) =>
    commands.flatMap((one) => {
      const words = [...before, one.name]
      return [words.join(" "), ...verbsOf(one, words)]
    })
  )

const last = (verb: string): string => verb.slice(verb.lastIndexOf(" ") + 1)

/** `parent`: the words before it. At most three: of the same verbs first, then what is called so, or nearly so, elsewhere. WV1 */
export const meantVerb = (
  typed: string,
  parent: ReadonlyArray<string>,
  verbs: ReadonlyArray<string>
): ReadonlyArray<string> => {
  const within = parent.join(" ")
  const siblings = verbs.filter((verb) => verb === `${within} ${last(verb)}`.trim())
  const near = nearby(typed, siblings.map(last)).map((name) => `${within} ${name}`.trim())
  if (near.length > 0) return near
  const same = verbs.filter((verb) => last(verb) === typed)
  if (same.length > 0) return same.slice(0, 3)
  const names = nearby(typed, new Set(verbs.map(last)), 1)
  return verbs.filter((verb) => names.includes(last(verb))).slice(0, 3)
}

/** `offered`: what the parser found among the verb's own; `everywhere`: what every verb takes. WV1 */
export const meantOption = (
  typed: string,
  offered: ReadonlyArray<string>,
  everywhere: ReadonlyArray<string>
): ReadonlyArray<string> => {
  // One letter for a word is a guess of nothing.
  const own = offered.filter((one) => one.length > 2)
  const name = typed.replace(/^-+/, "")
  return own.length > 0 || name.length < 2 ? own : nearby(name, everywhere).map((one) => `--${one}`)
}
