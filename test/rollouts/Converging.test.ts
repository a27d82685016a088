/**
 * Rollouts, publishes and clients that come and go, drawn and shrunk, on two nodes: each client only ever gets what its cohorts allow, nothing of it
 * goes backwards, and in the end it has what follows from what is current, from the rollouts and from what it says of itself.
 */
import { assert, it } from "@effect/vitest"
import { Effect, Exit, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"
import { State } from "../../layers/Memory/State.ts"
import { Commits } from "../../src/commits/Commits.ts"
import type { Wish } from "../../src/commits/Release.ts"
import { defaultPatterns } from "../../src/keys/Pattern.ts"
import { Propagation } from "../../src/propagation/Propagation.ts"
import type { Change } from "../../src/propagation/Revision.ts"
import { cameIn } from "../../src/rollouts/Cohort.ts"
import type { Rollout } from "../../src/rollouts/Rollout.ts"
import { RolloutStore } from "../../src/rollouts/RolloutStore.ts"
import { Sessions } from "../../src/sessions/Sessions.ts"
import type { Update } from "../../src/updates/Update.ts"
import { pass } from "../support/Clock.ts"
import { moved, nodeOn, started } from "../support/Cohorts.ts"
import { FakeSink } from "../support/FakeSink.ts"
import { change, release } from "../support/Release.ts"
import { plan, stage } from "../support/Rollouts.ts"
import { subscription } from "../support/Subscription.ts"
import { Applying, type Node } from "./Applying.ts"
import { isFlag, marksIn, nameOf, textOf, wishOf } from "./Marked.ts"

/** Configurations, and two flags of which the second needs the first. */
const KEYS = ["svc", "svc.new", "svc.text", "f", "g"] as const
const CLIENTS = ["a", "b", "c", "d"] as const
const REGIONS = ["eu", "us"] as const

const Stage = Schema.Struct({
  do: Schema.Literal("stage"),
  which: Schema.Literals([0, 1]),
  share: Schema.Literals([0, 0.3, 0.6, 1]),
  hinted: Schema.Boolean
})
const Connect = Schema.Struct({
  do: Schema.Literal("connect"),
  client: Schema.Literals(CLIENTS),
  node: Schema.Literals([0, 1]),
  region: Schema.Literals(REGIONS)
})
/** Some stand here twice, so that they are drawn more often. */
const Step = Schema.Union([
  Schema.Struct({ do: Schema.Literal("time"), millis: Schema.Literals([1, 100, 600]) }),
  Schema.Struct({ do: Schema.Literal("publish"), key: Schema.Literals(KEYS), hinted: Schema.Boolean }),
  Schema.Struct({ do: Schema.Literal("variables"), hinted: Schema.Boolean }),
  Schema.Struct({
    do: Schema.Literal("begin"),
    keys: Schema.Literals([0, 1, 2, 3, 4, 5]),
    where: Schema.Literals(["all", "eu first"]),
    share: Schema.Literals([0.3, 0.6]),
    hinted: Schema.Boolean
  }),
  Stage,
  Stage,
  Schema.Struct({
    do: Schema.Literals(["paused", "rolled_back", "aborted", "completed"]),
    which: Schema.Literals([0, 1]),
    hinted: Schema.Boolean
  }),
  Connect,
  Connect,
  Connect,
  Schema.Struct({ do: Schema.Literals(["leave", "block", "unblock", "refuse"]), client: Schema.Literals(CLIENTS) })
])

/** What each content is a candidate of. */
interface Offered {
  readonly rollout: string
  readonly key: string
}

it.effect.prop(
  "CQ1 RQ2 S2 DV6 DV7 whatever happens in whatever order, each client has what its cohorts allow and ends with what is right",
  [Schema.Array(Step).check(Schema.isMinLength(60), Schema.isMaxLength(120))],
  ([steps]) =>
    Effect.gen(function* () {
      const state = new State()
      const nodes: ReadonlyArray<Node> = [
        yield* Layer.build(Layer.fresh(nodeOn(state))),
        yield* Layer.build(Layer.fresh(nodeOn(state)))
      ]
      const on = <A, E, R>(node: Node, effect: Effect.Effect<A, E, R>) =>
        Effect.provide(effect, node) as Effect.Effect<A, E>
      const clients = CLIENTS.map((name) => new Applying(name))
      const current = new Map<string, string>()
      const offered = new Map<string, Offered>()
      const rollouts: Array<string> = []
      let [n, variables] = [0, ""]

      const store = yield* on(nodes[0]!, RolloutStore)
      const rolloutOf = (key: string) => Effect.map(store.find("production", key), (found) => found as Rollout)
      const commit = (hinted: boolean, ...changes: ReadonlyArray<Wish>) =>
        Effect.gen(function* () {
          const commits = yield* on(nodes[0]!, Commits)
          const { revision } = yield* commits.commit<Change>({ ...release([]), changes })
          for (const node of hinted ? nodes : nodes.slice(1))
            yield* on(
              node,
              Effect.flatMap(Propagation, (propagation) => propagation.hint(revision))
            )
          return revision
        })
      const content = (key: string) =>
        isFlag(key) ? `v${++n}_${key}` : key === "svc.text" ? `text ${++n} {{a}} {{client.region}}` : `value ${++n}`
      const rendered = (text: string, client: Applying) =>
        text.replace("{{a}}", variables).replace("{{client.region}}", client.region)
      const active = () =>
        Effect.filter(rollouts, (key) =>
          Effect.map(rolloutOf(key), (rollout) => !["completed", "rolled_back", "aborted"].includes(rollout.state))
        )

      /** Whoever sends looks at what its own node knows. */
      const watched = (client: Applying, node: Node, sink: FakeSink) => {
        const [write, view] = [sink.write, client.view]
        sink.write = (update: Update): boolean => {
          if (update.kind === "value")
            for (const says of marksIn(update.content))
              client.wrong.push(...wrongIn(view, says, update.revision, Effect.runSync(on(node, known))))
          return write(update)
        }
      }
      const known = Effect.map(Propagation, (propagation) => propagation.position().revision)
      const rows = new Map<string, Rollout>()
      const wrongIn = (client: Applying["view"], says: string, revision: bigint, at: bigint): ReadonlyArray<string> => {
        const of = offered.get(says)
        if (of === undefined) return []
        const rollout = rows.get(of.rollout)!
        const came = cameIn(rollout, client)
        const done = rollout.state === "completed" && rollout.revision <= at
        if (!done && came === undefined) return [`${says} is of ${of.rollout}, and ${client.instance} is not in it`]
        if (!done && revision < came!.revision) return [`${says} @${revision} is before ${came!.revision}`]
        return !done && (rollout.state === "rolled_back" || rollout.state === "aborted") && rollout.revision <= at
          ? [`${says} was taken back at ${rollout.revision}, and sent at ${at}`]
          : []
      }

      const connect = Effect.fnUntraced(function* (client: Applying, node: Node, region: string) {
        if (client.session !== undefined && client.node !== undefined)
          (yield* on(client.node, Sessions)).end(client.session, { name: "SessionReplaced", reason: "it is elsewhere" })
        client.leave()
        client.region = region
        client.node = node
        const sink = new FakeSink()
        client.sink = sink
        watched(client, node, sink)
        const sessions = yield* on(node, Sessions)
        const held = [...client.held].map(([key, { digest, revision }]) => [key, digest, revision] as const)
        const [newest = 0n] = held.map(([, , revision]) => revision).sort((a, b) => (a > b ? -1 : 1))
        client.session = yield* sessions.open(
          subscription({
            client: client.view,
            patterns: [...defaultPatterns("svc"), "@flag/*"],
            held,
            position: held.length === 0 ? undefined : { epoch: state.epoch, revision: newest },
            acceptsDelta: true
          }),
          sink
        )
      })

      const move = Effect.fnUntraced(function* (
        key: string,
        to: "stage" | Rollout["state"],
        share: number | undefined,
        hinted: boolean
      ) {
        const before = yield* rolloutOf(key)
        if (share !== undefined && before.stage >= 3) return
        const wishes = yield* on(
          nodes[0]!,
          to === "stage" ? moved(key, "deploying", Math.floor(share! * 2 ** 32)) : moved(key, to)
        )
        // What is sent within the commit is seen by those who look: what they look at is written first.
        const commits = yield* on(nodes[0]!, Commits)
        const { revision } = yield* commits.commit<Change>({ ...release([]), changes: wishes })
        rows.set(key, yield* rolloutOf(key))
        if (to === "completed") for (const wish of wishes.slice(1)) current.set(wish.key, textOf(wish))
        for (const node of hinted ? nodes : nodes.slice(1))
          yield* on(
            node,
            Effect.flatMap(Propagation, (propagation) => propagation.hint(revision))
          )
      })

      const take = Effect.fnUntraced(function* (step: (typeof Step)["Type"]) {
        switch (step.do) {
          case "publish": {
            const text = content(step.key)
            const made = yield* Effect.exit(commit(step.hinted, wishOf(step.key, text)))
            if (Exit.isSuccess(made)) current.set(step.key, text)
            return
          }
          case "variables":
            variables = `v${++n}`
            return yield* commit(step.hinted, change("herald.variables", `{"a":"${variables}"}`, { valueType: "json" }))
          case "begin": {
            const keys = step.keys === 5 ? KEYS : [KEYS[step.keys]!]
            const texts = keys.map((key) => [key, content(key)] as const)
            const of = Object.fromEntries(texts.map(([key, text]) => [key, wishOf(key, text)]))
            const where = step.where === "all" ? {} : { region: "eu" }
            const stages = [stage(100, { where }), stage(100, { where }), stage(100), stage(100)]
            const wish = started(of, { plan: plan({ stages }), salt: String(n) })
            const made = yield* Effect.exit(commit(step.hinted, wish))
            if (Exit.isFailure(made)) return
            const rollout = `r${made.value.revision}`
            rollouts.push(rollout)
            for (const [key, text] of texts) offered.set(marksIn(text)[0]!, { rollout, key })
            rows.set(rollout, yield* rolloutOf(rollout))
            return yield* move(rollout, "stage", step.share, step.hinted)
          }
          case "stage":
          case "paused":
          case "rolled_back":
          case "aborted":
          case "completed": {
            const key = (yield* active())[step.which]
            if (key === undefined) return
            return yield* move(key, step.do, step.do === "stage" ? step.share : undefined, step.hinted)
          }
          case "time":
            return yield* TestClock.adjust(step.millis)
        }
        const client = clients.find(({ name }) => name === step.client)!
        if (step.do === "connect") return yield* connect(client, nodes[step.node]!, step.region)
        if (step.do === "block" && client.sink !== undefined) client.sink.blocked = true
        else if (step.do === "unblock") client.sink?.unblock()
        else if (step.do === "refuse") client.refuses = !client.refuses
        else if (step.do === "leave" && client.session !== undefined) {
          ;(yield* on(client.node!, Sessions)).end(client.session, { name: "Closed", reason: "test" })
          client.leave()
        }
      })
      const answers = Effect.gen(function* () {
        for (const client of clients) if (client.node !== undefined) client.answer(yield* on(client.node, Sessions))
      })

      variables = "v0"
      yield* commit(true, change("herald.variables", `{"a":"v0"}`, { valueType: "json" }))
      for (const key of ["svc", "svc.text", "f", "g"] as const) yield* take({ do: "publish", key, hinted: true })
      for (const step of steps) {
        yield* take(step)
        yield* pass(2, 2)
        yield* answers
      }
      for (const [at, client] of clients.entries()) {
        client.refuses = false
        // Who refused something is asked when it comes again.
        if (client.refused || client.session === undefined) {
          yield* connect(client, nodes[at % 2]!, client.region)
        } else client.sink?.unblock()
      }
      for (let i = 0; i < 6; i++) {
        yield* TestClock.adjust("600 millis")
        yield* answers
      }

      for (const client of clients) {
        assert.strictEqual(client.wrong.join("\n"), "")
        const of: Array<string> = []
        for (const key of KEYS) {
          let right = current.get(key) ?? ""
          for (const one of yield* active()) {
            if (cameIn(yield* rolloutOf(one), client.view) === undefined) continue
            for (const [says, its] of offered) if (its.rollout === one && its.key === key) right = says
          }
          const has = client.held.get(nameOf(key))?.content ?? ""
          assert.strictEqual(
            marksIn(has).find((mark) => !isFlag(key) || mark.endsWith(key)),
            marksIn(right)[0],
            `${client.name} of ${key}`
          )
          if (key === "f") of.push(right)
          if (key === "g") assert.include(has, of[0]!, `${client.name} of ${key}`)
          if (key === "svc.text" && has !== "") assert.include(has, ` ${rendered("{{a}} {{client.region}}", client)}`)
        }
      }
    }).pipe(Effect.scoped),
  { arbitrary: { runs: 20 } }
)
