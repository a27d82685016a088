/** What every placement must do. Run by Placement.test.ts. */
import { assert } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Scope } from "effect"
import type { Placement } from "../../src/placement/Placement.ts"
import { waitUntil } from "../support/waitUntil.ts"

type Node = Placement["Service"]

export interface Cluster {
  /** A node that takes part until the scope closes. */
  readonly join: (node: string) => Effect.Effect<Node, never, Scope.Scope>
}

type Test = (name: string, body: (cluster: Cluster) => Effect.Effect<void, unknown, Scope.Scope>) => void

let tests = 0
const fresh = (count: number) => {
  tests++
  return Array.from({ length: count }, (_, at) => `work-${process.pid}-${tests}-${at}`)
}

/** Who does what, as the work itself says. */
const makeLedger = () => {
  const doing = new Map<string, string>()
  const begun = new Map<string, number>()
  const twice: Array<string> = []
  return {
    doing,
    twice,
    begun: (name: string) => begun.get(name) ?? 0,
    /** `ending`: what it still does when it is interrupted. */
    work: (node: string, name: string, ending: Effect.Effect<void> = Effect.void) =>
      Effect.acquireUseRelease(
        Effect.sync(() => {
          const other = doing.get(name)
          if (other !== undefined) twice.push(`${name}: ${other} and ${node}`)
          doing.set(name, node)
          begun.set(name, (begun.get(name) ?? 0) + 1)
        }),
        () => Effect.never,
        () =>
          Effect.andThen(
            ending,
            Effect.sync(() => doing.delete(name))
          )
      )
  }
}

const until = (what: string, look: () => boolean) => Effect.promise(() => waitUntil(what, look))

/** A node whose life ends when the test says so, or with the test. */
const living = (cluster: Cluster, name: string) =>
  Effect.gen(function* () {
    const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
    const node = yield* Scope.provide(cluster.join(name), scope)
    return { name, node, scope, end: Scope.close(scope, Exit.void) }
  })

export const placementContract = (test: Test) => {
  test("PC1 of several nodes one does the work of a name, and each has some of many", (cluster) =>
    Effect.gen(function* () {
      const names = fresh(120)
      const ledger = makeLedger()
      const nodes = yield* Effect.forEach(["a", "b", "c"], (name) => living(cluster, name))
      for (const { name, node } of nodes)
        yield* Effect.forEach(names, (work) => node.single(work, ledger.work(name, work)), { discard: true })
      yield* until(
        "all work is done, by all",
        () => ledger.doing.size === 120 && new Set(ledger.doing.values()).size === 3
      )
      for (const { name } of nodes)
        assert.isAbove([...ledger.doing.values()].filter((node) => node === name).length, 10, name)
      assert.deepStrictEqual(ledger.twice, [])
    }))

  test("PC1 what a node did that leaves ends, and then begins elsewhere; a node that comes has its share", (cluster) =>
    Effect.gen(function* () {
      const names = fresh(60)
      const ledger = makeLedger()
      const [a, b] = yield* Effect.forEach(["a", "b"], (name) => living(cluster, name))
      const take = ({ name, node }: { readonly name: string; readonly node: Node }) =>
        Effect.forEach(names, (work) => node.single(work, ledger.work(name, work, Effect.sleep("5 millis"))), {
          discard: true
        })
      yield* take(a!)
      yield* take(b!)
      const by = (node: string) => [...ledger.doing.values()].filter((one) => one === node).length
      yield* until("both work", () => ledger.doing.size === 60 && by("a") > 0 && by("b") > 0)
      yield* a!.end
      assert.strictEqual(by("a"), 0)
      yield* until("the other has all", () => by("b") === 60)
      const c = yield* living(cluster, "c")
      yield* take(c)
      yield* until("the newcomer has some, and all is done", () => by("c") > 0 && by("c") + by("b") === 60)
      assert.deepStrictEqual(ledger.twice, [])
    }))

  test("PC1 work ends with the scope of its registration, which waits for it; the name is free again, others go on", (cluster) =>
    Effect.gen(function* () {
      const [name, other] = fresh(2) as [string, string]
      const ledger = makeLedger()
      const { node } = yield* living(cluster, "a")
      const scope = yield* Scope.make()
      yield* node.single(name, ledger.work("first", name, Effect.sleep("50 millis"))).pipe(Scope.provide(scope))
      yield* node.single(other, ledger.work("a", other))
      yield* until("both are done", () => ledger.doing.size === 2)
      assert.isTrue(Cause.hasDies(yield* Effect.flip(Effect.sandbox(node.single(name, Effect.void)))))
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual([...ledger.doing.keys()], [other])
      for (let n = 0; n < 5; n++) {
        const again = yield* Scope.make()
        yield* node.single(name, ledger.work(`again ${n}`, name)).pipe(Scope.provide(again))
        yield* until("it is done again", () => ledger.doing.get(name) === `again ${n}`)
        yield* Scope.close(again, Exit.void)
      }
      assert.deepStrictEqual(
        (yield* node.turns).map((turn) => turn.name),
        [other]
      )
      assert.strictEqual(ledger.begun(other), 1)
      assert.deepStrictEqual(ledger.twice, [])
    }))

  test("PC1 hundreds of names come and go while nodes do, and none is done twice", (cluster) =>
    Effect.gen(function* () {
      const names = fresh(300)
      const ledger = makeLedger()
      const a = yield* living(cluster, "a")
      const b = yield* living(cluster, "b")
      const passing = yield* Scope.make()
      for (const [at, name] of names.entries())
        for (const { name: node, node: placement } of [a, b])
          yield* placement
            .single(name, ledger.work(node, name))
            .pipe(at % 3 === 0 ? (one) => one : Scope.provide(passing))
      yield* until("all are done", () => ledger.doing.size === 300)
      const c = yield* living(cluster, "c")
      yield* Effect.all([Scope.close(passing, Exit.void), b.end], { concurrency: "unbounded" })
      yield* Effect.forEach(
        names.filter((_, at) => at % 3 === 0),
        (name) => c.node.single(name, ledger.work("c", name)),
        {
          discard: true
        }
      )
      yield* until("those that stay are done", () => ledger.doing.size === 100)
      assert.deepStrictEqual(ledger.twice, [])
    }))

  test("PC3 whose turn it is does not depend on who registered: all nodes say the same, and it waits for that node", (cluster) =>
    Effect.gen(function* () {
      const names = fresh(40)
      const ledger = makeLedger()
      const a = yield* living(cluster, "a")
      const b = yield* living(cluster, "b")
      const take = ({ name, node }: typeof a) =>
        Effect.forEach(names, (work) => node.single(work, ledger.work(name, work)), { discard: true })
      yield* take(a)
      const said = () => Effect.runPromise(a.node.turns)
      const runs = yield* Effect.promise(() =>
        waitUntil("both nodes have turns", async () => {
          const turns = await said()
          const found = new Set(turns.map(({ run }) => run))
          return found.size === 2 && !found.has(undefined) && turns
        })
      )
      assert.deepStrictEqual(
        runs.map(({ name }) => name),
        [...names].sort()
      )
      yield* until("it does its own", () => ledger.doing.size > 0 && ledger.doing.size < 40)
      yield* take(b)
      yield* until("all are done", () => ledger.doing.size === 40)
      const run = new Map((yield* a.node.turns).map((turn) => [turn.name, turn.run]))
      assert.deepStrictEqual(yield* b.node.turns, yield* a.node.turns)
      const runsOf = (node: string) =>
        new Set([...ledger.doing].filter(([, by]) => by === node).map(([name]) => run.get(name)))
      assert.strictEqual(runsOf("a").size, 1)
      assert.strictEqual(runsOf("b").size, 1)
    }))

  test("PC4 work that meets a defect is begun again, work that ends is not, and neither harms another", (cluster) =>
    Effect.gen(function* () {
      const [bad, over, good] = fresh(3) as [string, string, string]
      const ledger = makeLedger()
      const { node } = yield* living(cluster, "a")
      const counts = { bad: 0, over: 0 }
      yield* node.single(good, ledger.work("a", good))
      yield* node.single(
        over,
        Effect.sync(() => void counts.over++)
      )
      yield* node.single(
        bad,
        Effect.sync(() => {
          if (counts.bad++ === 0) throw new Error("a fault of the work")
        })
      )
      yield* until("it was begun again", () => counts.bad === 2 && ledger.doing.size === 1)
      assert.deepStrictEqual(counts, { bad: 2, over: 1 })
      assert.strictEqual(ledger.begun(good), 1)
    }))

  test("PC1 work has the services of who registered it", (cluster) =>
    Effect.gen(function* () {
      const [name] = fresh(1) as [string]
      class Greeting extends Context.Service<Greeting, { readonly text: string }>()("test/Greeting") {}
      const { node } = yield* living(cluster, "a")
      let heard = ""
      yield* node
        .single(
          name,
          Effect.map(Greeting, ({ text }) => void (heard = text))
        )
        .pipe(Effect.provideService(Greeting, { text: "hello" }))
      yield* until("it was done", () => heard === "hello")
    }))
}
