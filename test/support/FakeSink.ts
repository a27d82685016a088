/** A transport that keeps what it gets and can be made to block. */
import type { Sink } from "../../src/sessions/Session.ts"
import type { Update, ValueUpdate } from "../../src/updates/Update.ts"

export class FakeSink implements Sink {
  readonly got: Array<Update> = []
  blocked = false
  #waiting: (() => void) | undefined

  write = (update: Update): boolean => {
    this.got.push(update)
    return !this.blocked
  }

  drained = (then: () => void): void => {
    if (this.blocked) this.#waiting = then
    else then()
  }

  unblock(): void {
    this.blocked = false
    this.#waiting?.()
    this.#waiting = undefined
  }

  get values(): ReadonlyArray<ValueUpdate> {
    return this.got.filter((update): update is ValueUpdate => update.kind === "value" || update.kind === "deleted")
  }

  get contents(): ReadonlyArray<string> {
    return this.values.map((update) => update.content)
  }
}
