/** herald.reporting.v1.ReportingService: translates, decides nothing. */
import { Effect, Exit } from "effect"
import { ReportingServiceService } from "../../../../proto/generated/herald/reporting/v1/reporting.ts"
import { Access } from "../../../access/Access.ts"
import { CurrentIdentity } from "../../../access/Identity.ts"
import { Reports } from "../../../flags/Reports.ts"
import { isFailure } from "../Decode.ts"
import { costOfReading } from "../publishing/Publish.ts"
import { richStatusOfExit } from "../RichStatus.ts"
import { type AdmittedHandler, nameOf, type Service } from "../Service.ts"
import { traced } from "../Spans.ts"
import { OK } from "../Status.ts"
import { hearOne } from "../Unary.ts"
import { reportRequest } from "./Decode.ts"
import { responseOf, saidOf } from "./Wire.ts"

const definition = ReportingServiceService
const METHOD = `${nameOf({ definition })}/Report`

export const makeReporting = Effect.gen(function* () {
  const access = yield* Access
  const { report } = yield* Reports
  const run = Effect.runForkWith(yield* Effect.context<never>())

  const handler: AdmittedHandler = (call, identity) =>
    hearOne(call, (bytes) => {
      const request = reportRequest(bytes)
      const handled = isFailure(request)
        ? Effect.fail(request)
        : access
            .within(identity, saidOf(request).environment, 1 + costOfReading(bytes.length))
            .pipe(
              Effect.andThen(access.spend(identity, costOfReading(bytes.length))),
              Effect.andThen(report(saidOf(request)))
            )
      run(traced(METHOD, call, Effect.provideService(handled, CurrentIdentity, identity))).addObserver((exit) => {
        if (Exit.isFailure(exit)) return call.end(richStatusOfExit(exit))
        call.send(definition.report.responseSerialize(responseOf(exit.value)))
        call.end(OK)
      })
    })
  return { handlers: { report: handler }, drain: Effect.void }
})

export const reporting = {
  definition,
  descriptors: "herald",
  permission: "subscribe",
  serve: () => makeReporting
} as const satisfies Service
