/** Which blocks of the lane ran, by V8's own precise coverage. */
import { Session } from "node:inspector"

interface Taken {
  readonly result: ReadonlyArray<{
    readonly url: string
    readonly functions: ReadonlyArray<{
      readonly ranges: ReadonlyArray<{
        readonly startOffset: number
        readonly endOffset: number
        readonly count: number
      }>
    }>
  }>
}

export class Coverage {
  readonly #session = new Session()
  /** Blocks that ever ran. */
  readonly #seen = new Set<string>()
  readonly #of: RegExp

  /** `of`: addresses of the files that count. */
  constructor(of: RegExp) {
    this.#of = of
    this.#session.connect()
    this.#session.post("Profiler.enable")
    this.#session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true })
  }

  get blocks(): number {
    return this.#seen.size
  }

  /** Blocks that ran since the last time, and never before. `remember`: from now on they did. */
  fresh(remember: boolean): number {
    let taken: Taken | undefined
    this.#session.post("Profiler.takePreciseCoverage", (_, given) => {
      taken = given as Taken
    })
    let fresh = 0
    for (const { url, functions } of taken?.result ?? [])
      if (this.#of.test(url))
        for (const { ranges } of functions)
          for (const { startOffset, endOffset, count } of ranges) {
            const block = `${url} ${startOffset} ${endOffset}`
            if (count === 0 || this.#seen.has(block)) continue
            fresh++
            if (remember) this.#seen.add(block)
          }
    return fresh
  }

  close(): void {
    this.#session.disconnect()
  }
}
