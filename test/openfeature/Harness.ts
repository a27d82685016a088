/** A provider whose server is played by a test. */
import type { ReportRequest, ReportResponse } from "../../proto/generated/herald/reporting/v1/reporting.ts"
import type { ClientEvent, ConnectOptions } from "../../src/client/HeraldClient.ts"
import { HeraldProvider, type ReportOptions } from "../../src/openfeature/HeraldProvider.ts"
import { FakeClock } from "../support/FakeClock.ts"
import { FakeTransport } from "../support/FakeTransport.ts"
import { synced, value } from "../support/Said.ts"
import { turn } from "../support/turn.ts"

export const toggle = (more: object = {}) => ({
  state: "ENABLED",
  variants: { on: true, off: false },
  defaultVariant: "off",
  targeting: { if: [{ "==": [{ var: "plan" }, "pro"] }, "on"] },
  ...more
})
export const flag = (name: string, revision: number, said: object = toggle()) => value(`@flag/${name}`, revision, said)
export const EMPTY: ReportResponse = { replayed: false, accepted: 0, refused: [], refusedCount: 0, overLimit: 0 }

export class Reporting extends FakeTransport {
  readonly batches: Array<ReportRequest> = []
  /** What becomes of the next batches; taken when it is empty. */
  readonly next: Array<ReportResponse | Error | Promise<never>> = []
  report = async (batch: ReportRequest): Promise<ReportResponse> => {
    this.batches.push(batch)
    const answer = await (this.next.shift() ?? EMPTY)
    if (answer instanceof Error) throw answer
    return answer
  }
}

export const start = async (
  flags: ReadonlyArray<ReturnType<typeof flag>>,
  report: ReportOptions | false = {},
  more: Partial<ConnectOptions> = {}
) => {
  const [clock, transport] = [new FakeClock(), new Reporting()]
  const events: Array<ClientEvent> = []
  transport.greet = (stream) => {
    for (const one of flags) stream.say(one)
    stream.say(synced(flags.length))
  }
  const provider = new HeraldProvider(
    { address: "herald:50051", service: "shop", report, onEvent: (event) => events.push(event), ...more },
    { clock, transport }
  )
  await provider.initialize()
  await turn()
  return { provider, clock, transport, events }
}
export const ann = { targetingKey: "ann", plan: "pro" }
