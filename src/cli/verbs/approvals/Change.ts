/** `herald change request|list|show|ids|approve|reject|apply|withdraw|reviews|review`: changes that a second person looks at. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flags from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { states } from "../../../approvals/ChangeRequest.ts"
import type { Applied, Change, ChangeList, WholeChange } from "../../../edge/http/approvals/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { usage } from "../../CliFailure.ts"
import { env, type Invocation, idempotencyKey, invocation, messageOf, optionalText } from "../../Globals.ts"
import { segment } from "../../Http.ts"
import { clip, TEXT, table, time } from "../../Table.ts"
import { fewIds, ids } from "./ListedIds.ts"
import { gist, painted, whole } from "./Told.ts"

const id = Argument.String("id").pipe(Argument.withDescription("Its id (herald change list)"))
const pathOf = (id: string, rest = ""): string => `/v1/changes/${segment(id)}${rest}`
const PAGE = 1_000
/** Characters of a digest that tell it from any other. */
const ENOUGH = 12

const request = Command.make(
  "request",
  {
    command: Argument.String("command").pipe(
      Argument.withDescription("A command that changes something, as it would be typed behind herald"),
      Argument.variadic()
    )
  },
  () =>
    usage(
      "herald change request takes the command that is to wait",
      "Type it as it would be done at once, as in: herald change request publish payments.limit 500."
    )
).pipe(
  Command.withDescription(
    "Ask for a change that somebody else approves: any command that changes something; the same as --request"
  ),
  Command.withExamples([
    {
      command: "herald change request publish payments.limit 500 --message 'as agreed'",
      description: "It is checked, and waits"
    },
    { command: "herald flag enable new-checkout --request", description: "The same, of a flag" }
  ])
)

const rows = Effect.fnUntraced(function* (here: Invocation, environment: string, state: string | undefined) {
  const found: Array<Change> = []
  let before: string | undefined
  do {
    const query = { environment, state, limit: PAGE, before }
    const page = (yield* here.call({ method: "GET", path: "/v1/changes", query })).body as ChangeList
    found.push(...page.changes)
    before = page.next ?? undefined
  } while (before !== undefined)
  return found
})

const shown = (here: Invocation, found: ReadonlyArray<Change>, none: string) =>
  here.emit(found, (paint) =>
    found.length === 0
      ? none
      : table(
          found,
          [
            { title: "ID", value: (row) => row.id, paint: () => paint.bold },
            { title: "STATE", value: (row) => row.state, paint: (row) => painted(row.state, paint) },
            { title: "CHANGES", value: gist, text: TEXT },
            { title: "BY", value: (row) => row.author },
            {
              title: "APPROVED",
              value: ({ approvals, needed }) =>
                `${approvals.length} of ${needed}${approvals.length === 0 ? "" : ` (${approvals.map(({ by }) => by).join(", ")})`}`
            },
            { title: "MADE", value: (row) => time(row.madeAt), timed: true },
            { title: "WHY", value: (row) => clip(row.reason === "" ? row.message : row.reason, 60), text: TEXT }
          ],
          paint,
          here.room
        )
  )

const list = Command.make(
  "list",
  {
    env,
    state: Flags.Literals("state", [...states, "all"]).pipe(
      Flags.withDescription("Those that are so; open and approved unless given"),
      Flags.optional,
      Flags.map(Option.getOrUndefined)
    )
  },
  Effect.fn("Change.list")(function* ({ env, state }) {
    const here = yield* invocation
    const environment = here.environment(env)
    const found = yield* rows(here, environment, state === "all" ? undefined : state)
    const those = state === undefined ? found.filter((one) => one.state === "open" || one.state === "approved") : found
    yield* shown(here, those, `no change request waits in ${printable(environment)}`)
  })
).pipe(
  Command.withDescription("List change requests, the newest first"),
  Command.withExamples([{ command: "herald change list --state applied", description: "What was approved and done" }])
)

const reviews = Command.make(
  "reviews",
  { env },
  Effect.fn("Change.reviews")(function* ({ env }) {
    const here = yield* invocation
    const environment = here.environment(env)
    yield* shown(
      here,
      yield* rows(here, environment, "review"),
      `nobody broke the glass in ${printable(environment)} without a review since`
    )
  })
).pipe(
  Command.withDescription("List what was done without a second person and nobody looked at yet"),
  Command.withExamples([{ command: "herald change reviews", description: "Then: herald change review <id> --note …" }])
)

const read = Effect.fnUntraced(function* (here: Invocation, id: string, environment: string) {
  return (yield* here.call({ method: "GET", path: pathOf(id), query: { environment } })).body as WholeChange
})

const show = Command.make(
  "show",
  { id, env },
  Effect.fn("Change.show")(function* ({ id, env }) {
    const here = yield* invocation
    const found = yield* read(here, id, here.environment(env))
    const told = here.format === "json" ? "" : yield* fewIds(here, found)
    const text = yield* Effect.promise(() => whole(found, here.paint, told))
    yield* here.emit(found, () => text)
  })
).pipe(
  Command.withDescription("Show a change request: what it changes, beside what is there, and the digest of it"),
  Command.withExamples([{ command: "herald change show c1042", description: "Before it is approved" }])
)

const approve = Command.make(
  "approve",
  {
    id,
    env,
    digest: optionalText("digest", `What was seen (herald change show): ${ENOUGH} characters or all`, "digest"),
    idempotencyKey
  },
  Effect.fn("Change.approve")(function* ({ id, env, digest, idempotencyKey }) {
    const here = yield* invocation
    const environment = here.environment(env)
    if (digest === undefined || digest.length < ENOUGH)
      return yield* usage(
        `say which: --digest with at least ${ENOUGH} characters`,
        `Look at it first: herald change show ${id} --env ${environment}; its last line is the command.`
      )
    const whole = digest.length === 64 ? digest : (yield* read(here, id, environment)).digest
    if (!whole.startsWith(digest))
      return yield* usage(
        `that is not the digest of ${id}: it is another request, or not what was seen`,
        `Look at it again: herald change show ${id} --env ${environment}`
      )
    const { body } = yield* here.call({
      ...{ method: "POST", path: pathOf(id, "/approve"), query: { environment } },
      body: { digest: whole },
      idempotencyKey
    })
    const found = body as Change
    yield* here.emit(
      found,
      (paint) =>
        `${paint.green("approved")} ${paint.bold(printable(found.id))}: ${found.approvals.length} of ${found.needed}` +
        (found.state === "approved" ? `; ${paint.dim(`do it with herald change apply ${printable(found.id)}`)}` : "")
    )
  })
).pipe(
  Command.withDescription("Approve a change request of somebody else, by the digest of what was seen"),
  Command.withExamples([
    { command: "herald change approve c1042 --digest 3f1c9a0b77e2", description: "As herald change show says it" }
  ])
)

/** A verb that ends one, with why. */
const ending = (
  verb: "reject" | "review",
  past: string,
  about: string,
  example: string,
  flag: { readonly name: string; readonly text: string }
) =>
  Command.make(
    verb,
    { id, env, reason: optionalText(flag.name, flag.text, "text"), idempotencyKey },
    Effect.fn(`Change.${verb}`)(function* ({ id, env, reason, idempotencyKey }) {
      const here = yield* invocation
      if (verb === "review" && (reason ?? "").trim() === "")
        return yield* usage(`say what came of it: --${flag.name} "…"`, `Look at it first: herald change show ${id}`)
      const { body } = yield* here.call({
        ...{ method: "POST", path: pathOf(id, `/${verb}`), query: { environment: here.environment(env) } },
        body: { reason: reason ?? "" },
        idempotencyKey
      })
      const found = body as Change
      yield* here.emit(found, (paint) => `${paint.green(past)} ${paint.bold(printable(found.id))}`)
    })
  ).pipe(Command.withDescription(about), Command.withExamples([{ command: example, description: "With why" }]))

const reject = ending(
  "reject",
  "rejected",
  "Reject a change request: it is over",
  "herald change reject c1042 --reason 'the limit is too high'",
  { name: "reason", text: "Why; kept with it" }
)
const review = ending(
  "review",
  "reviewed",
  "Close the review of what somebody else did without a second person",
  "herald change review c1042 --note 'the site was down, and it was right'",
  { name: "note", text: "What came of it; kept with it" }
)

const apply = Command.make(
  "apply",
  { id, env, idempotencyKey },
  Effect.fn("Change.apply")(function* ({ id, env, idempotencyKey }) {
    const here = yield* invocation
    const query = { environment: here.environment(env) }
    const { body } = yield* here.call({ method: "POST", path: pathOf(id, "/apply"), query, idempotencyKey })
    const done = body as Applied
    yield* here.emit(
      done,
      (paint) =>
        `${paint.green("applied")} ${paint.bold(printable(done.id))} in revision ${done.revision}: ${printable(gist({ touches: done.changes }))}` +
        (done.replayed
          ? `\n${paint.yellow("nothing was written now: this idempotency key had this result before")}`
          : "")
    )
  })
).pipe(
  Command.withDescription("Do what was approved: once, and only if nothing of it was changed since"),
  Command.withExamples([{ command: "herald change apply c1042", description: "In its author's name" }])
)

const withdraw = Command.make(
  "withdraw",
  { id, env, message: messageOf("Why; kept with it"), idempotencyKey },
  Effect.fn("Change.withdraw")(function* ({ id, env, message, idempotencyKey }) {
    const here = yield* invocation
    const query = { environment: here.environment(env), message }
    const { body } = yield* here.call({ method: "DELETE", path: pathOf(id), query, idempotencyKey })
    yield* here.emit(body, (paint) => `${paint.green("withdrawn")} ${paint.bold(printable((body as Change).id))}`)
  })
).pipe(
  Command.withDescription("Withdraw a change request of one's own; an admin, of anybody"),
  Command.withExamples([{ command: "herald change withdraw c1042", description: "It is never applied" }])
)

export const changeVerb = Command.make("change").pipe(
  Command.withDescription("Changes that a second person looks at before they are done"),
  Command.withSubcommands([request, list, show, ids, approve, reject, apply, withdraw, reviews, review])
)
