/** Finds the rooms of a tree and how they lean on one another, from imports alone. Pure. */
import { type Import, importsOf } from "./Syntax.ts"
import type { Tree } from "./Tree.ts"

/** One file leans on another, or on a package. */
export interface Edge extends Import {
  readonly file: string
}

export const edgesOf = (tree: Tree): ReadonlyArray<Edge> =>
  [...tree]
    .filter(([file]) => file.endsWith(".ts"))
    .flatMap(([file, text]) => importsOf(file, text).map((one) => ({ file, ...one })))

/** `src/<room>/…`; undefined for what stands beside the rooms. */
export const roomOf = (path: string): string | undefined => /^src\/([^/]+)\//.exec(path)?.[1]

/** The package of an import; undefined for a path of the tree. */
export const packageOf = (to: string): string | undefined =>
  /^(?:src|layers|proto|test|bench|docs|packages)\/|^package\.json$/.test(to)
    ? undefined
    : to.startsWith("node:")
      ? "node:"
      : to.split("/", to.startsWith("@") ? 2 : 1).join("/")

/**
 * What a file does is its role. A port says what is wanted of others: it declares a `Context.Service` and builds none. A model takes no
 * port, no service and nothing of Effect that runs. All else is a service, or a part of one.
 */
export type Role = "model" | "port" | "service"

/** Modules of Effect that run, or are there for what runs. */
const RUNS = new Set(
  `Clock Deferred Effect Fiber FiberHandle FiberMap FiberSet Latch Layer ManagedRuntime Metric PubSub Queue Ref Runtime Schedule Scope
  Semaphore Stream SubscriptionRef SynchronizedRef`.split(/\s+/)
)
const BUILDS = /\bLayer\.\w+\(|\bstatic readonly (?:layer|make)\b/

const headerOf = (text: string): string => /^\/\*\*[\s\S]*?\*\//.exec(text)?.[0] ?? ""
export const saysPure = (text: string): boolean => /\bPure(?: state)?[.,:;]/.test(headerOf(text))
export const saysPort = (text: string): boolean => /^\/\*\*[\s*]*Port\b/.test(text)

export const rolesOf = (tree: Tree, edges: ReadonlyArray<Edge>): ReadonlyMap<string, Role> => {
  const roles = new Map<string, Role>()
  const from = Map.groupBy(edges, ({ file }) => file)
  const roleOf = (file: string): Role => {
    const known = roles.get(file)
    if (known !== undefined) return known
    roles.set(file, "model") // of a circle of files that do nothing else
    const text = tree.get(file)!
    const its = from.get(file) ?? []
    const declares = /\bContext\.Service</.test(text) || (saysPort(text) && /\bContext\.Reference\b/.test(text))
    const runs = its.some(({ to, names }) => to === "effect" && names.some((name) => RUNS.has(name)))
    const leans = () => its.some(({ to }) => roomOf(to) !== undefined && tree.has(to) && roleOf(to) !== "model")
    const role = declares ? (BUILDS.test(text) ? "service" : "port") : runs || leans() ? "service" : "model"
    roles.set(file, role)
    return role
  }
  for (const file of tree.keys()) if (roomOf(file) !== undefined && file.endsWith(".ts")) roleOf(file)
  return roles
}

/** Rooms that lean on each other, over whatever way: `a → b (src/a/A.ts → src/b/B.ts)`, each part of a circle. */
export const circlesOf = (edges: ReadonlyArray<Edge>): ReadonlyArray<string> => {
  const between = edges.flatMap((edge) => {
    const [a, b] = [roomOf(edge.file), roomOf(edge.to)]
    return a === undefined || b === undefined || a === b ? [] : [{ a, b, edge }]
  })
  const next = Map.groupBy(between, ({ a }) => a)
  const reach = (from: string, to: string): boolean => {
    const seen = new Set<string>([from])
    for (const room of seen) {
      if (room === to) return true
      for (const { b } of next.get(room) ?? []) seen.add(b)
    }
    return false
  }
  return between.filter(({ a, b }) => reach(b, a)).map(({ a, b, edge }) => `${a} → ${b} (${edge.file} → ${edge.to})`)
}
