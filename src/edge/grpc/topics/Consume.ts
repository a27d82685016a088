/**
 * Serves one call of `Consume`, from its first message to its end.
 *
 *   QY3  A call that says nothing within 5 s is ended.
 *   QY4  Closing its half is how a call says goodbye (QU3); a call that breaks off does not.
 *   QY6  Who is over its rate is heard no further until it isn't: what it has and what it is told stay as they are.
 */
import { Effect, Exit } from "effect"
import { type ConsumeRequest, TopicServiceService } from "../../../../proto/generated/herald/topics/v1/topics.ts"
import { makePacing } from "../../../access/Pacing.ts"
import { failure, HeraldError } from "../../../errors/HeraldError.ts"
import { ConsumerConnections, costOfAnswers } from "../../../subscriptions/ConsumerConnections.ts"
import { isFailure } from "../Decode.ts"
import { costOfReading } from "../publishing/Publish.ts"
import { richStatusOf } from "../RichStatus.ts"
import type { Admitted, AdmittedHandler } from "../Service.ts"
import { traced } from "../Spans.ts"
import { errorIn, OK } from "../Status.ts"
import { answersOf, consumeRequest, countOf, joinedOnWire, toldOnWire, wishOf } from "./ConsumeWire.ts"

/** Milliseconds. QY3 */
const FIRST_MESSAGE = 5_000

const METHOD = TopicServiceService.consume.path.slice(1)

const noBegin = failure("InvalidInput", "no ConsumeRequest came")

export const makeConsume = Effect.fnUntraced(function* ({ arrivals }: Pick<Admitted, "arrivals">) {
  const paced = yield* makePacing
  const { admit, drain } = yield* ConsumerConnections
  const run = Effect.runForkWith(yield* Effect.context<never>())

  const consume: AdmittedHandler = (call, identity) => {
    let [over, begun, joined] = [false, false, false]
    const connection = admit(identity, {
      joined: (its) => {
        call.begin({})
        call.send(joinedOnWire(its))
        joined = true
      },
      tell: (told) => call.send(toldOnWire(told)),
      whenClear: (then) => call.whenClear(then),
      ended: (error) => {
        over = true
        clearTimeout(late)
        call.end(error === undefined ? OK : richStatusOf(error))
      }
    })
    if (connection instanceof HeraldError) return call.end(richStatusOf(connection))
    const late = setTimeout(
      () => connection.end(failure("InvalidInput", "no ConsumeRequest came within 5 s")),
      FIRST_MESSAGE
    )

    const more = (cost: number) =>
      // QY6
      run(paced(identity, cost, () => over)).addObserver(() => {
        if (!over) call.read()
      })

    const heard = (bytes: Buffer) => {
      const request = consumeRequest(bytes)
      const answers = isFailure(request) ? request : answersOf(request)
      if (answers instanceof HeraldError) return connection.end(answers)
      const { granted, receipt } = request as ConsumeRequest
      connection.hear({ answers, receipt: countOf(receipt), granted: countOf(granted) })
      more(costOfReading(bytes.length) + costOfAnswers(answers.length))
    }

    const begin = (bytes: Buffer) => {
      if (over) return
      const request = consumeRequest(bytes)
      const wish = isFailure(request) ? request : wishOf(request)
      if (wish instanceof HeraldError) return connection.end(wish)
      const first = request as ConsumeRequest
      if (first.answers.length > 0)
        return connection.end(failure("InvalidInput", "answers: there is nothing to be answered yet"))
      run(traced(METHOD, call, connection.join(wish), true)).addObserver((exit) => {
        if (Exit.isFailure(exit)) return connection.end(errorIn(exit))
        connection.hear({ answers: [], receipt: 0, granted: countOf(first.granted) })
        more(1)
      })
    }

    call.hear({
      message: (bytes) => {
        if (over) return
        if (joined) return heard(bytes)
        if (begun) return
        begun = true
        clearTimeout(late)
        arrivals.soon(() => begin(bytes)) // G11
      },
      end: () => {
        if (over) return
        if (joined) connection.goodbye()
        else connection.end(noBegin)
      },
      over: () => {
        if (over) return
        over = true
        clearTimeout(late)
        connection.broke()
      }
    })
    call.read()
  }

  return { handlers: { consume }, drain }
})
