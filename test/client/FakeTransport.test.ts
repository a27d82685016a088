import { transports } from "../contracts/Transports.ts"
import { FakeTransport } from "../support/FakeTransport.ts"

transports("the fake one", async () => {
  const transport = new FakeTransport()
  return {
    transport,
    heard: (instance) => {
      const stream = transport.streams.find(({ hello, begun }) => begun && hello.instanceId === instance)
      if (stream === undefined) return undefined
      return {
        requests: () => stream.sent,
        say: (update) => stream.say(update),
        end: ({ code, message, ...ended }) =>
          stream.end({ ...ended, message: code === undefined ? (message ?? "") : `${code}: ${message}` }),
        left: () => !stream.open
      }
    },
    answer: (how) => {
      transport.answer = how
    },
    reports: () => transport.reports.length,
    close: async () => {}
  }
})
