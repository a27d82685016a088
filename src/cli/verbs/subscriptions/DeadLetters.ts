/** `herald dead-letters list|show|replay|drop`: events that came to nothing. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import type {
  DeadLetter,
  DeadLetterList,
  DroppedLetters,
  ReplayedLetters,
  SubscriptionList
} from "../../../edge/http/subscriptions/Wire.ts"
import { printable } from "../../../text/Printable.ts"
import { usage } from "../../CliFailure.ts"
import { invocation, optionalInt, yes } from "../../Globals.ts"
import { Shell } from "../../Shell.ts"
import { ago, table } from "../../Table.ts"
import { letterOf, pathOf, subscription, topic } from "./Told.ts"

const PAGE = 100
/** Letters of one request. */
const TOGETHER = 1_000

const ids = Argument.Int("id").pipe(
  Argument.withDescription("Which (herald dead-letters list)"),
  Argument.variadic({ max: TOGETHER })
)
const all = yes("all", "All of them")

const list = Command.make(
  "list",
  { topic, subscription, limit: optionalInt("limit", "At most so many, the oldest first; 100 unless given", "n") },
  Effect.fn("DeadLetters.list")(function* ({ topic, subscription, limit: most = PAGE }) {
    const here = yield* invocation
    const shell = yield* Shell
    const found: Array<DeadLetter> = []
    let after: number | undefined
    while (found.length < most) {
      const query = { limit: Math.min(PAGE, most - found.length), after }
      const path = pathOf(topic, subscription, "/dead-letters")
      const page = (yield* here.call({ method: "GET", path, query })).body as DeadLetterList
      found.push(...page.deadLetters)
      if (page.next === null) break
      after = page.next
    }
    const now = yield* shell.now
    yield* here.emit(found, (paint) =>
      found.length === 0
        ? `${printable(subscription)} of ${printable(topic)} has no dead letters`
        : table(
            found,
            [
              { title: "ID", value: (row) => String(row.id), right: true, paint: () => paint.bold },
              { title: "EVENT", value: (row) => row.eventId },
              { title: "KEY", value: (row) => row.key ?? "" },
              { title: "WHY", value: (row) => row.reason, paint: () => paint.red },
              { title: "ATTEMPTS", value: (row) => String(row.attempts), right: true },
              { title: "CAME", value: (row) => ago(row.at, now) },
              { title: "SAID LAST", value: (row) => row.cause, paint: () => paint.dim }
            ],
            paint,
            here.room
          )
    )
  })
).pipe(
  Command.withDescription("List events of a subscription that came to nothing, the oldest first"),
  Command.withExamples([{ command: "herald dead-letters list orders billing", description: "And why" }])
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
    { command: "herald dead-letters show orders billing 17", description: "Key, headers, payload" }
  ])
)

const whichOf = (ids: ReadonlyArray<number>, all: boolean, verb: string) =>
  all === ids.length > 0
    ? Effect.fail(usage("either ids or --all are given", `As in: herald dead-letters ${verb} orders billing 17 18`))
    : Effect.succeed(all ? { all } : { ids })

const replay = Command.make(
  "replay",
  { topic, subscription, ids, all, yes: yes("yes", "Don't ask") },
  Effect.fn("DeadLetters.replay")(function* ({ topic, subscription, ids, all, yes }) {
    const here = yield* invocation
    const shell = yield* Shell
    const body = yield* whichOf(ids, all, "replay")
    if (!yes && shell.inputTerminal) {
      const query = { topic, limit: PAGE }
      const { subscriptions } = (yield* here.call({ method: "GET", path: "/v1/subscriptions", query }))
        .body as SubscriptionList
      const others = subscriptions.map(({ name }) => name).filter((name) => name !== subscription)
      const who = others.length === 0 ? "" : `, and so do its other subscriptions: ${others.slice(0, 5).join(", ")}`
      const answer = yield* shell.ask(
        `They are published to ${printable(topic)} again: all of its readers get them${printable(who)}.\nReplay them? Type yes: `
      )
      if (answer.trim() !== "yes") return yield* usage("nothing was replayed", "Type yes, or give --yes.")
    }
    const replayed: Array<number> = []
    const failed = new Map<number, ReplayedLetters["failed"][number]>()
    while (true) {
      const path = pathOf(topic, subscription, "/dead-letters/replay")
      // Whether it was done is seen in the list: done again it could be twice in the topic.
      const answer = (yield* here.call({ method: "POST", path, body, once: true, timeout: 120_000 }))
        .body as ReplayedLetters
      replayed.push(...answer.replayed)
      for (const one of answer.failed) failed.set(one.id, one)
      if (!answer.more || answer.replayed.length === 0) break
    }
    const left = [...failed.values()]
    yield* here.emit({ replayed, failed: left }, (paint) =>
      [
        `${paint.green("replayed")} ${replayed.length} of ${printable(subscription)}`,
        ...left.map(
          ({ id, problem }) => `${paint.red(`not ${id}:`)} ${printable(problem.detail)} ${paint.dim(problem.code)}`
        )
      ].join("\n")
    )
  })
).pipe(
  Command.withDescription(
    "Publish dead letters to their topic again, as they were, with their keys: readers and other subscriptions of the topic get them again, too"
  ),
  Command.withShortDescription("Publish dead letters to their topic again"),
  Command.withExamples([
    { command: "herald dead-letters replay orders billing 17 18", description: "These two" },
    { command: "herald dead-letters replay orders billing --all", description: "Once the consumer is repaired" }
  ])
)

const drop = Command.make(
  "drop",
  { topic, subscription, ids, all, yes: yes("yes", "Don't ask") },
  Effect.fn("DeadLetters.drop")(function* ({ topic, subscription, ids, all, yes }) {
    const here = yield* invocation
    const shell = yield* Shell
    const body = yield* whichOf(ids, all, "drop")
    if (all && !yes && shell.inputTerminal) {
      const answer = yield* shell.ask(
        `All dead letters of ${printable(subscription)} will be gone.\nDrop them? Type its name: `
      )
      if (answer.trim() !== subscription)
        return yield* usage("nothing was dropped", "Type the subscription's name, or give --yes.")
    }
    let dropped = 0
    while (true) {
      const path = pathOf(topic, subscription, "/dead-letters/drop")
      const answer = (yield* here.call({ method: "POST", path, body })).body as DroppedLetters
      dropped += answer.dropped
      if (!answer.more) break
    }
    yield* here.emit({ dropped }, (paint) => `${paint.green("dropped")} ${dropped} of ${printable(subscription)}`)
  })
).pipe(
  Command.withDescription("Drop dead letters for good"),
  Command.withExamples([{ command: "herald dead-letters drop orders billing 17", description: "It is not wanted" }])
)

export const deadLettersVerb = Command.make("dead-letters").pipe(
  Command.withDescription("Events of a subscription that came to nothing: look at them, replay or drop them"),
  Command.withShortDescription("Events that came to nothing"),
  Command.withSubcommands([list, show, replay, drop])
)
