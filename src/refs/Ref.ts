/**
 * Where source code names flags: what a scan of a checkout tells. Never the code itself. Pure.
 *
 *   RK1  What a repository tells of a branch replaces what it told before, whole or not at all.
 *   RK2  A scan has at most `REFS`, an environment `SCANS` of them; one that was not told anew for `KEPT_MILLIS` is not shown any more, and goes
 *        with the next one that is told.
 */
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { excerpt } from "../text/Excerpt.ts"
import { textProblem } from "../values/Value.ts"

/** Places in one scan. */
export const REFS = 10_000
/** Scans of one environment: a repository's branches count each. */
export const SCANS = 500
export const KEPT_MILLIS = 90 * 86_400_000
/** Characters. */
export const REPOSITORY = 200
/** Characters. */
export const BRANCH = 200
/** Characters. */
export const FILE = 500
/** Characters. */
export const COMMIT = 64
/** Characters. */
export const NAME = 100
export const LINE = 100_000_000

/** A place. */
export interface Ref {
  readonly flag: string
  /** From the root of the repository. */
  readonly file: string
  /** From 1. */
  readonly line: number
}

/** What was scanned. */
export interface Source {
  readonly repository: string
  readonly branch: string
  /** What stood there; "" where nobody said it. */
  readonly commit: string
}

export interface Scan extends Source {
  readonly environment: string
  /** The principal that told it. */
  readonly by: string
  /** Milliseconds since 1970. */
  readonly at: number
  readonly refs: number
}

/** A place, and where it is. */
export interface Found extends Ref, Source {
  readonly at: number
}

const wrongText = (what: string, text: string, longest: number): string | undefined => {
  const problem = textProblem(text)
  if (problem !== undefined) return `${what}: ${problem}`
  if (text.length < 1 || text.length > longest) return `${what} has 1 to ${longest} characters`
  // Whoever shows a place shows it on one line.
  return /\p{Cc}/u.test(text) ? `${what} has a character that can't be shown` : undefined
}

/** An address with a user's password is no name of a repository. */
const SECRET = /:\/\/[^/]*@|^[^/]*:[^/]*@/

/** What is wrong, as an `InvalidInput` or a `TooLarge`. */
export const sourceProblem = ({ repository, branch, commit }: Source): HeraldError | undefined => {
  const wrong =
    wrongText("repository", repository, REPOSITORY) ??
    wrongText("branch", branch, BRANCH) ??
    (commit === "" ? undefined : wrongText("commit", commit, COMMIT))
  if (wrong !== undefined) return failure("InvalidInput", wrong)
  return SECRET.test(repository)
    ? failure("InvalidInput", "repository: it holds a user's name or password; say host/owner/name")
    : undefined
}

export const refsProblem = (refs: ReadonlyArray<Ref>): HeraldError | undefined => {
  if (refs.length > REFS) return failure("TooLarge", `the scan has ${refs.length} places; at most ${REFS} are kept`)
  for (const [at, { flag, file, line }] of refs.entries()) {
    const wrong = wrongText("flag", flag, NAME) ?? wrongText("file", file, FILE)
    if (wrong !== undefined) return failure("InvalidInput", `refs[${at}] (${excerpt(file)}): ${wrong}`)
    if (!Number.isInteger(line) || line < 1 || line > LINE)
      return failure("InvalidInput", `refs[${at}]: line is a whole number from 1 to ${LINE}`)
  }
  return undefined
}
