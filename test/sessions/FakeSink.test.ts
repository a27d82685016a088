import { sinks } from "../contracts/Sinks.ts"
import { FakeSink } from "../support/FakeSink.ts"
import { turn } from "../support/turn.ts"

sinks("the fake one", async () => {
  const sink = new FakeSink()
  return {
    sink,
    hold: (held) => {
      if (held) sink.blocked = true
      else sink.unblock()
    },
    got: () =>
      sink.got.map((update) => (update.kind === "drain" ? `drain ${update.reconnectAfterMillis}` : update.kind)),
    end: () => sink.end(),
    leave: async () => sink.end(),
    arrived: turn,
    close: async () => {}
  }
})
