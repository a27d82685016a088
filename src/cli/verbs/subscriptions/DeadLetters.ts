/**
 * `herald dead-letters list|show|replay|drop`: events that came to nothing.
 *
 *   WL1  What was asked for and not done is said, and is the exit code: of a letter that is not there, too.
 *   WL3  A person is asked before letters are gone, or published again.
 *   WL2 in Letters.ts
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import type {
  DeadLetter,
  DroppedLetters,
  ReplayedLetters,
  SubscriptionList
} from "../../../edge/http/subscriptions/Wire.ts"
import { byCode } from "../../../errors/Catalogue.ts"
import { printable } from "../../../text/Printable.ts"
import { type CliFailure, known, usage } from "../../CliFailure.ts"
import { invocation, optionalInt, yes } from "../../Globals.ts"
import { Shell } from "../../Shell.ts"
import { ago, TEXT, table } from "../../Table.ts"
import { chosen, howMany, kinds, lettersOf, meantBy, requestsOf } from "./Letters.ts"
import { letterOf, pathOf, subscription, topic } from "./Told.ts"

const PAGE = 100

const list = Command.make(
  "list",
  {
    topic,
    subscription,
    ...kinds,
    limit: optionalInt("limit", "At most so many, the oldest first; 100 unless given", "n")
  },
  Effect.fn("DeadLetters.list")(function* ({ topic, subscription, limit: most = PAGE, ...kinds }) {
    const here = yield* invocation
    const shell = yield* Shell
    const found = yield* lettersOf(here, topic, subscription, { ...kinds, most })
    const now = yield* shell.now
    yield* here.emit(found, (paint) =>
      found.length === 0
        ? `${printable(subscription)} of ${printable(topic)} has no dead letters${Object.values(kinds).some(Boolean) ? " that are so" : ""}`
        : table(
            found,
            [
              { title: "ID", value: (row) => String(row.id), right: true, paint: () => paint.bold },
              { title: "EVENT", value: (row) => row.eventId },
              { title: "KEY", value: (row) => row.key ?? "" },
              { title: "WHY", value: (row) => row.reason, paint: () => paint.red },
              { title: "ATTEMPTS", value: (row) => String(row.attempts), right: true },
              { title: "CAME", value: (row) => ago(row.at, now) },
              { title: "SAID LAST", value: (row) => row.cause, paint: () => paint.dim, text: TEXT }
            ],
            paint,
            here.room
          )
    )
  })
).pipe(
  Command.withDescription("List events of a subscription that came to nothing, the oldest first"),
  Command.withExamples([
    { command: "herald dead-letters list orders billing", description: "And why" },
    {
      command: "herald dead-letters list orders billing --reason rejected --said 'no such customer'",
      description: "Some of them"
    }
  ])
)

const show = Command.make(
  "show",
  {
    topic,
    subscription,
    id: Argument.Int("id").pipe(Argument.withDescription("Which (herald dead-letters list)"))
  },
  Effect.fn("DeadLetters.show")(function* ({ topic, subscription, id }) {
    const here = yield* invocation
    const { body } = yield* here.call({ method: "GET", path: pathOf(topic, subscription, `/dead-letters/${id}`) })
    yield* here.emit(body, (paint) => letterOf(body as DeadLetter, paint))
  })
).pipe(
  Command.withDescription("Show a dead letter with its event"),
  Command.withExamples([
    {
      command: "herald dead-letters show orders billing 17",
      description: "Why, which event it was, attempts, key, headers, payload"
    }
  ])
)

/** Some of them are not done: the first that says why is what is told. */
const notDone = (failed: ReplayedLetters["failed"], replayed: number): CliFailure => {
  const { id, problem } = failed[0]!
  const what =
    failed.length === 1
      ? `dead letter ${id} was not replayed: ${problem.detail}`
      : `${failed.length} of ${failed.length + replayed} dead letters were not replayed`
  return known(byCode(problem.code)?.name ?? "Internal", what, problem.fix)
}

const replay = Command.make(
  "replay",
  { topic, subscription, ...chosen, yes: yes("yes", "Don't ask") },
  Effect.fn("DeadLetters.replay")(function* ({ topic, subscription, yes, ...which }) {
    const here = yield* invocation
    const shell = yield* Shell
    const meant = yield* meantBy(here, "replay", topic, subscription, which)
    if (!yes && shell.inputTerminal) {
      const query = { topic, limit: PAGE }
      const { subscriptions } = (yield* here.call({ method: "GET", path: "/v1/subscriptions", query }))
        .body as SubscriptionList
      const others = subscriptions.map(({ name }) => name).filter((name) => name !== subscription)
      const who = others.length === 0 ? "" : `, and so do its other subscriptions: ${others.slice(0, 5).join(", ")}`
      const answer = yield* shell.ask(
        `${howMany(meant)} will be published to ${printable(topic)} again: all of its readers get them${printable(who)}.\nReplay them? Type yes: `
      )
      if (answer.trim() !== "yes") return yield* usage("nothing was replayed", "Type yes, or give --yes.")
    }
    const replayed: Array<number> = []
    const failed = new Map<number, ReplayedLetters["failed"][number]>()
    for (const body of requestsOf(meant))
      while (true) {
        const path = pathOf(topic, subscription, "/dead-letters/replay")
        // Whether it was done is seen in the list: done again it could be twice in the topic.
        const answer = (yield* here.call({ method: "POST", path, body, once: true, timeout: 120_000 }))
          .body as ReplayedLetters
        replayed.push(...answer.replayed)
        for (const one of answer.failed) failed.set(one.id, one)
        const some = "all" in meant ? "" : ` of ${meant.ids.length}`
        if (shell.errorTerminal) yield* shell.live(`${replayed.length}${some} replayed`)
        if (!answer.more || answer.replayed.length === 0) break
      }
    if (shell.errorTerminal) yield* shell.live("")
    const left = [...failed.values()]
    yield* here.emit({ replayed, failed: left }, (paint) =>
      [
        `${paint.green("replayed")} ${replayed.length} of ${printable(subscription)}`,
        // One alone is told by the error.
        ...(left.length === 1 ? [] : left).map(
          ({ id, problem }) => `${paint.red(`not ${id}:`)} ${printable(problem.detail)} ${paint.dim(problem.code)}`
        )
      ].join("\n")
    )
    if (left.length > 0) return yield* notDone(left, replayed.length)
  })
).pipe(
  Command.withDescription(
    "Publish dead letters to their topic again, as they were, with their keys: readers and other subscriptions of the topic get them again, too"
  ),
  Command.withShortDescription("Publish dead letters to their topic again"),
  Command.withExamples([
    { command: "herald dead-letters replay orders billing 17 18", description: "These two" },
    {
      command: "herald dead-letters replay orders billing --limit 10",
      description: "The oldest ten, to see whether it works now"
    },
    {
      command: "herald dead-letters replay orders billing --key o-17",
      description: "Those of one key, in their order"
    },
    { command: "herald dead-letters replay orders billing --all --yes", description: "Once the consumer is repaired" }
  ])
)

const drop = Command.make(
  "drop",
  { topic, subscription, ...chosen, yes: yes("yes", "Don't ask") },
  Effect.fn("DeadLetters.drop")(function* ({ topic, subscription, yes, ...which }) {
    const here = yield* invocation
    const shell = yield* Shell
    const meant = yield* meantBy(here, "drop", topic, subscription, which)
    if (!yes && shell.inputTerminal) {
      const [what, typed] = "all" in meant ? ["its name", subscription] : ["yes", "yes"]
      const answer = yield* shell.ask(
        `${howMany(meant)} of ${printable(subscription)} will be gone for good.\nSure? Type ${what}: `
      )
      if (answer.trim() !== typed)
        return yield* usage(
          "nothing was dropped",
          `Type ${typed === "yes" ? "yes" : "the subscription's name"}, or give --yes.`
        )
    }
    let dropped = 0
    for (const body of requestsOf(meant))
      while (true) {
        const path = pathOf(topic, subscription, "/dead-letters/drop")
        const answer = (yield* here.call({ method: "POST", path, body })).body as DroppedLetters
        dropped += answer.dropped
        if (!answer.more) break
      }
    const asked = "all" in meant ? dropped : meant.ids.length
    if (dropped === 0 && asked > 0)
      return yield* known("NoSuchDeadLetter", `${subscription} has no ${howMany(meant).replace(/^\d+/, "such")}`)
    yield* here.emit({ dropped }, (paint) => `${paint.green("dropped")} ${dropped} of ${printable(subscription)}`)
    if (dropped < asked)
      return yield* known("NoSuchDeadLetter", `${asked - dropped} of ${asked} were not there; the others are dropped`)
  })
).pipe(
  Command.withDescription("Drop dead letters for good"),
  Command.withExamples([
    { command: "herald dead-letters drop orders billing 17", description: "It is not wanted" },
    {
      command: "herald dead-letters drop orders billing --said 'no such customer' --yes",
      description: "Those of one cause"
    }
  ])
)

export const deadLettersVerb = Command.make("dead-letters").pipe(
  Command.withDescription("Events of a subscription that came to nothing: look at them, replay or drop them"),
  Command.withShortDescription("Events that came to nothing"),
  Command.withSubcommands([list, show, replay, drop])
)
