/** What a client does with what it gets: it applies it, refuses it, and remembers it across connections. */
import type { Context, Layer } from "effect"
import type { Session } from "../../src/sessions/Session.ts"
import type { Sessions } from "../../src/sessions/Sessions.ts"
import type { nodeOn } from "../support/Cohorts.ts"
import type { FakeSink } from "../support/FakeSink.ts"

export type Node = Context.Context<Layer.Success<ReturnType<typeof nodeOn>>>

/** What a real client would hold: it applies what it gets, but what it refuses, and remembers across connections. */
export class Applying {
  readonly name: string
  readonly held = new Map<string, { readonly content: string; readonly digest: string; readonly revision: bigint }>()
  readonly wrong: Array<string> = []
  region = "eu"
  refuses = false
  /** It refused something that it was not asked again. */
  refused = false
  sink: FakeSink | undefined
  session: Session | undefined
  node: Node | undefined
  #seen = 0

  constructor(name: string) {
    this.name = name
  }

  get view() {
    return { environment: "production", service: "svc", instance: this.name, labels: { region: this.region } }
  }

  answer(sessions: Sessions["Service"]): void {
    if (this.sink === undefined || this.session === undefined) return
    for (const update of this.sink.values.slice(this.#seen)) {
      const { key, revision, epoch, digest, content, kind } = update
      const before = this.held.get(key)
      if (before !== undefined && revision < before.revision)
        this.wrong.push(`${key} went from ${before.revision} to ${revision}`)
      const applied = !this.refuses || kind === "deleted"
      if (!applied) this.refused = true
      if (applied)
        this.held.set(key, kind === "deleted" ? { content: "", digest: "", revision } : { content, digest, revision })
      sessions.heard(this.session, [{ key, revision, epoch, applied, reason: "" }])
    }
    this.#seen = this.sink.values.length
  }

  leave(): void {
    this.sink = undefined
    this.session = undefined
    this.#seen = 0
  }
}
