/**
 * The two ways to load a server.
 *
 *   BP1  Open loop: what is sent when does not depend on the answers, and time counts from when it should have been sent.
 *   BP2  Closed loop: each worker sends its next request when it has the answer to its last.
 */

/** Nanoseconds of the monotonic clock, which all processes of a machine share. */
export const nanos = (): number => Number(process.hrtime.bigint())

/** BP1: `send(n, at)` `count` times, `perSecond` a second; `at` is when it should be. Resolves when all have ended. */
export const openLoop = (
  perSecond: number,
  count: number,
  send: (n: number, at: number) => Promise<void>
): Promise<void> =>
  new Promise((resolve, reject) => {
    const start = nanos() + 1e6
    const step = 1e9 / perSecond
    const running: Array<Promise<void>> = []
    let sent = 0
    const tick = () => {
      const now = nanos()
      while (sent < count && start + sent * step <= now) {
        running.push(send(sent, start + sent * step))
        sent++
      }
      if (sent === count) return void Promise.all(running).then(() => resolve(), reject)
      setTimeout(tick, Math.max(0, (start + sent * step - nanos()) / 1e6 - 0.5))
    }
    tick()
  })

/** BP2: `workers` at once for `seconds`. Returns the milliseconds that each request took, and how long it all took in seconds. */
export const closedLoop = async (
  workers: number,
  seconds: number,
  work: (worker: number, n: number) => Promise<unknown>
): Promise<{ readonly took: ReadonlyArray<number>; readonly seconds: number }> => {
  const took: Array<number> = []
  const start = performance.now()
  const end = start + seconds * 1_000
  const loop = async (worker: number) => {
    for (let n = 0; performance.now() < end; n++) {
      const before = performance.now()
      await work(worker, n)
      took.push(performance.now() - before)
    }
  }
  await Promise.all(Array.from({ length: workers }, (_, worker) => loop(worker)))
  return { took, seconds: (performance.now() - start) / 1_000 }
}
