/**
 * Which dead letters are meant: by their ids, or by what they are.
 *
 *   WL2  Either ids are given, or what the letters are: then all of those, the oldest first, are meant, and no other.
 */
import * as Argument from "effect/cli/Argument"
import * as Flags from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { DeadLetter, DeadLetterList } from "../../../edge/http/subscriptions/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { known, usage } from "../../CliFailure.ts"
import { type Invocation, optionalInt, optionalText, yes } from "../../Globals.ts"
import { pathOf } from "./Told.ts"

/** Letters of one page, and of one request. */
const PAGE = 100
const TOGETHER = 1_000
/** As many as a subscription may have. */
const MOST = 10_000

export const ids = Argument.Int("id").pipe(
  Argument.withDescription("Which (herald dead-letters list)"),
  Argument.variadic({ max: TOGETHER })
)

/** What they are. */
export const kinds = {
  key: optionalText("key", "Only those whose event has this key", "text"),
  reason: Flags.Literals("reason", ["rejected", "attempts"]).pipe(
    Flags.withDescription("Only those that a consumer rejected, or that failed as often as they may"),
    Flags.optional,
    Flags.map(Option.getOrUndefined)
  ),
  said: optionalText("said", "Only those of which a consumer said last something with this in it", "text")
}
export const chosen = {
  ids,
  all: yes("all", "All of them"),
  ...kinds,
  limit: optionalInt("limit", "Of those at most so many, the oldest first", "n")
}

interface Kinds {
  readonly key: string | undefined
  readonly reason: DeadLetter["reason"] | undefined
  readonly said: string | undefined
}

const isMeant = (letter: DeadLetter, { key, reason, said }: Kinds): boolean =>
  (key === undefined || letter.key === key) &&
  (reason === undefined || letter.reason === reason) &&
  (said === undefined || letter.cause.includes(said))

/** The oldest first, at most `most`. */
export const lettersOf = Effect.fnUntraced(function* (
  here: Invocation,
  topic: string,
  subscription: string,
  { most, ...kinds }: Kinds & { readonly most: number }
) {
  const some = Object.values(kinds).some((one) => one !== undefined)
  const found: Array<DeadLetter> = []
  let after: number | undefined
  while (found.length < most) {
    const query = { limit: some ? PAGE : Math.min(PAGE, most - found.length), after }
    const path = pathOf(topic, subscription, "/dead-letters")
    const page = (yield* here.call({ method: "GET", path, query })).body as DeadLetterList
    found.push(...page.deadLetters.filter((letter) => isMeant(letter, kinds)))
    if (page.next === null) break
    after = page.next
  }
  return found.slice(0, most)
})

interface Chosen extends Kinds {
  readonly ids: ReadonlyArray<number>
  readonly all: boolean
  readonly limit: number | undefined
}

export type Meant = { readonly all: true } | { readonly ids: ReadonlyArray<number> }

/** As requests say it. Where what they are decides, they are looked for. */
export const meantBy = Effect.fnUntraced(function* (
  here: Invocation,
  verb: string,
  topic: string,
  subscription: string,
  { ids, all, limit, ...kinds }: Chosen
) {
  const some = limit !== undefined || Object.values(kinds).some((one) => one !== undefined)
  if (ids.length > 0 === (all || some))
    return yield* usage(
      ids.length > 0
        ? "ids say which are meant, and so do --all, --key, --reason, --said and --limit"
        : "nothing says which are meant",
      `As in: herald dead-letters ${verb} orders billing 17 18, or --all, or --key o-17 --limit 100.`
    )
  if (limit !== undefined && limit < 1) return yield* usage(`--limit ${limit} is none`, "Give 1 or more.")
  if (ids.length > 0) return { ids: [...new Set(ids)] } as Meant
  if (!some) return { all: true } as Meant
  const found = yield* lettersOf(here, topic, subscription, { ...kinds, most: limit ?? MOST })
  if (found.length > 0) return { ids: found.map(({ id }) => id) } as Meant
  const fix = `See which there are: herald dead-letters list ${printable(topic)} ${printable(subscription)}.`
  return yield* known("NoSuchDeadLetter", `${subscription} has none that is so`, fix)
})

/** Bodies of requests, in the order of the letters. */
export const requestsOf = (meant: Meant): ReadonlyArray<Meant> =>
  "all" in meant
    ? [meant]
    : Array.from({ length: Math.ceil(meant.ids.length / TOGETHER) }, (_, at) => ({
        ids: meant.ids.slice(at * TOGETHER, (at + 1) * TOGETHER)
      }))

/** "3 dead letters", "all dead letters". */
export const howMany = (meant: Meant): string =>
  "all" in meant
    ? "all dead letters"
    : meant.ids.length === 1
      ? `dead letter ${meant.ids[0]}`
      : `${meant.ids.length} dead letters`
