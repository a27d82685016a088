/** Checks what comes with every write, whatever its kind. */
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { textProblem } from "../values/Value.ts"

/** Characters. */
export const MESSAGE = 2_000
/** Characters. */
export const IDEMPOTENCY_KEY = 200
/** Characters of why the glass was broken, beside those of the message. */
export const BREAK_GLASS = 500

export interface CommitOptions {
  /** Why, for history and audit. */
  readonly message: string
  /** Whatever keeps what is changed to itself, such as a rollout, is ended in the same commit. */
  readonly force?: boolean | undefined
  /** Why a rule is broken that keeps this from being done at once; told with the message. */
  readonly breakGlass?: string | undefined
  /** The same request with the same key is done once. */
  readonly idempotencyKey?: string | undefined
  /** Nanoseconds of the monotonic clock; not committed later, as nobody waits for it any more. */
  readonly until?: bigint | undefined
}

/** The message as it is kept: with why the glass was broken, if it was. */
export const messageOf = ({ message, breakGlass }: Pick<CommitOptions, "message" | "breakGlass">): string =>
  breakGlass === undefined ? message : `${message === "" ? "" : `${message} `}(broke the glass: ${breakGlass})`

/** What is wrong with it, as an `InvalidInput`. */
export const optionsProblem = ({ message, breakGlass, idempotencyKey }: CommitOptions): HeraldError | undefined => {
  if (
    breakGlass !== undefined &&
    (breakGlass.trim() === "" || breakGlass.length > BREAK_GLASS || textProblem(breakGlass) !== undefined)
  )
    return failure("InvalidInput", `whoever breaks the glass says why, in 1 to ${BREAK_GLASS} characters of valid text`)
  if (message.length > MESSAGE) {
    return failure("InvalidInput", `the message has ${message.length} characters; at most ${MESSAGE} are allowed`)
  }
  const problem = textProblem(message)
  if (problem !== undefined) return failure("InvalidInput", `the message can't be stored: ${problem}`)
  if (idempotencyKey === undefined) return undefined
  const length = idempotencyKey.length
  return length === 0 || length > IDEMPOTENCY_KEY || textProblem(idempotencyKey) !== undefined
    ? failure("InvalidInput", `the idempotency key must be 1 to ${IDEMPOTENCY_KEY} characters of valid text`)
    : undefined
}
