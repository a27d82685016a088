/** What promises that nobody had by then rejected with while it ran: each of them ends a process. */
export const unhandled = async (run: () => Promise<unknown>): Promise<ReadonlyArray<unknown>> => {
  const all: Array<unknown> = []
  const note = (cause: unknown) => void all.push(cause)
  const others = process.listeners("unhandledRejection")
  process.removeAllListeners("unhandledRejection").on("unhandledRejection", note)
  try {
    await run()
    for (let turns = 0; turns < 10; turns++) await new Promise((next) => setImmediate(next))
  } finally {
    process.off("unhandledRejection", note)
    for (const other of others) process.on("unhandledRejection", other)
  }
  return all
}
