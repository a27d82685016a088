/** Which commands can ask for a change that somebody else approves (--request). Pure. */
import { excerpt } from "../text/Excerpt.ts"
import { type CliFailure, known, usage } from "./CliFailure.ts"

/** By the route that each writes to. Any other refuses to be asked, also one that comes later. AQ12 */
export const canWait: ReadonlySet<string> = new Set([
  ...["publish", "edit", "rollback", "delete", "release apply", "apply", "promote"],
  ...["create", "set", "target", "enable", "disable", "rollback", "archive", "bucketing", "import"].map(
    (verb) => `flag ${verb}`
  ),
  ...["create", "set", "ids", "rollback", "archive"].map((verb) => `segment ${verb}`),
  ...["start", "apply", "pause", "resume", "promote", "abort", "freeze"].map((verb) => `rollout ${verb}`),
  ...["set", "remove", "require", "allow"].map((verb) => `rollout plan ${verb}`),
  ...["experiment start", "experiment stop", "schedule cancel", "protect set", "protect remove"]
])

/** Words of the longest command. */
const WORDS = 3

/** `words`: what was typed that is no flag. Undefined: nothing is wrong. */
export const requestProblem = (words: ReadonlyArray<string>): CliFailure | undefined => {
  for (let length = 1; length <= Math.min(WORDS, words.length); length++)
    if (canWait.has(words.slice(0, length).join(" "))) return undefined
  return words.length === 0
    ? undefined
    : known(
        "CannotWait",
        `herald ${excerpt(words.slice(0, 2).join(" "))} does nothing that could wait for a second person`
      )
}

/** What decides as whom, where, or past what something is done. */
const FILLED = [
  ...[
    "--token",
    "--server",
    "--grpc",
    "--data",
    "--context",
    "--ca",
    "--cert",
    "--cert-key",
    "--env",
    "-e",
    "--from",
    "--to",
    "--with"
  ],
  ...["--break-glass", "--idempotency-key", "--digest", "--note"]
]

/** Flags that say nothing, as a variable that is not set does: what stands for "not given" would be done by another, or elsewhere. TA7 */
export const emptyProblem = (args: ReadonlyArray<string>): CliFailure | undefined => {
  const at = args.findIndex(
    (arg, at) => FILLED.some((flag) => arg === `${flag}=`) || (FILLED.includes(arg) && args[at + 1]?.trim() === "")
  )
  return at < 0
    ? undefined
    : usage(
        `${args[at]!.replace(/=$/, "")} is given, and is empty`,
        "Leave it out, or give it; in a script, look whether the variable that it comes from is set."
      )
}
