/** `herald change ids`: who comes into a segment with a change request, who goes, and who is in it then. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flags from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { type Side, sides } from "../../../approvals/ListedIds.ts"
import type { ChangeIds, WholeChange } from "../../../edge/http/approvals/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { env, type Invocation, invocation } from "../../Globals.ts"
import { segment as escaped } from "../../Http.ts"

const PAGE = 1_000
/** Ids of each side that `herald change show` tells itself. */
const FEW = 20

const page = Effect.fnUntraced(function* (
  here: Invocation,
  { id, environment }: Pick<WholeChange, "id" | "environment">,
  segment: string,
  side: Side,
  { limit, after }: { readonly limit: number; readonly after?: string | undefined }
) {
  const query = { environment, segment, side, limit, after }
  return (yield* here.call({ method: "GET", path: `/v1/changes/${escaped(id)}/ids`, query })).body as ChangeIds
})

/** For a terminal, of each segment whose ids are kept beside it: how many come and go, and the first of them. */
export const fewIds = Effect.fnUntraced(function* (here: Invocation, found: WholeChange) {
  const lines: Array<string> = []
  for (const segment of found.lists) {
    const [come, go] = [
      yield* page(here, found, segment, "added", { limit: FEW }),
      yield* page(here, found, segment, "removed", { limit: FEW })
    ]
    lines.push(
      `${here.paint.bold(`ids of ${printable(segment)}`)}: ${come.added ?? 0} come, ${come.removed ?? 0} go`,
      ...come.ids.map((id) => here.paint.green(`+ ${printable(id)}`)),
      ...go.ids.map((id) => here.paint.red(`- ${printable(id)}`))
    )
    if (come.next !== null || go.next !== null)
      lines.push(
        here.paint.dim(
          `… all of them: herald change ids ${printable(found.id)} --env ${printable(found.environment)} --segment ${printable(segment)} --side ${come.next !== null ? "added" : "removed"}`
        )
      )
  }
  return lines.join("\n")
})

export const ids = Command.make(
  "ids",
  {
    id: Argument.String("id").pipe(Argument.withDescription("Its id (herald change list)")),
    env,
    segment: Flags.String("segment").pipe(Flags.withDescription("A segment that it changes")),
    side: Flags.Literals("side", sides).pipe(
      Flags.withDescription("Who comes, who goes, or who is in it then"),
      Flags.withDefault("added" as Side)
    )
  },
  Effect.fn("Change.ids")(function* ({ id, env, segment, side }) {
    const here = yield* invocation
    const of = { id, environment: here.environment(env) }
    const found: Array<string> = []
    let after: string | undefined
    do {
      const one: ChangeIds = yield* page(here, of, segment, side, { limit: PAGE, after })
      found.push(...one.ids)
      after = one.next ?? undefined
    } while (after !== undefined)
    yield* here.emit(found, () => found.map((one) => printable(one)).join("\n"))
  })
).pipe(
  Command.withDescription("List the ids of a segment that come with a change request, that go, or that are in it then"),
  Command.withExamples([
    { command: "herald change ids c1042 --segment beta", description: "Who comes; with --side removed, who goes" }
  ])
)
