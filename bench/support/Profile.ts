/** A V8 CPU profile (Chrome DevTools Protocol, Profiler.Profile) summed up: self time by package and by function. Pure. */

export interface CpuProfile {
  readonly nodes: ReadonlyArray<{
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  }>
  /** Microseconds of the monotonic clock. */
  readonly startTime: number
  readonly samples: ReadonlyArray<number>
  /** Microseconds since the sample before. */
  readonly timeDeltas: ReadonlyArray<number>
}

export interface Share {
  readonly name: string
  readonly where: string
  /** Microseconds. */
  readonly self: number
}

export interface Summary {
  readonly busy: number
  readonly idle: number
  readonly packages: ReadonlyArray<Share>
  readonly functions: ReadonlyArray<Share>
}

const IDLE = "(idle)"

const packageOf = (url: string, name: string): string => {
  if (url.startsWith("node:")) return url.split("/")[0] === "node:internal" ? `node:${url.split("/")[1]}` : url
  const parts = url.split("/node_modules/").at(-1)!.split("/")
  if (url.includes("/node_modules/")) return parts[0]!.startsWith("@") ? `${parts[0]}/${parts[1]}` : parts[0]!
  const own = /\/(src|layers|proto)\/([^/]+)/.exec(url)
  if (own !== null) return `herald ${own[1]}/${own[2]}`
  return name === "(garbage collector)" ? "garbage collector" : "native code and system calls"
}

const placeOf = (url: string, line: number): string =>
  url === ""
    ? ""
    : `${url.replace(/^.*\/node_modules\//, "").replace(/^.*\/(?=(?:src|layers|proto)\/)/, "")}:${line + 1}`

const ranked = (times: Map<string, Share>): ReadonlyArray<Share> => [...times.values()].sort((a, b) => b.self - a.self)

/** Only what was sampled between the two moments, nanoseconds of the monotonic clock. */
export const summarize = (profile: CpuProfile, from: number, to: number): Summary => {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node.callFrame]))
  const [packages, functions] = [new Map<string, Share>(), new Map<string, Share>()]
  const add = (times: Map<string, Share>, key: string, name: string, where: string, took: number) =>
    times.set(key, { name, where, self: (times.get(key)?.self ?? 0) + took })
  let [at, busy, idle] = [profile.startTime, 0, 0]
  profile.samples.forEach((id, i) => {
    // A sample stands for the time until the next one.
    at += profile.timeDeltas[i] ?? 0
    const took = profile.timeDeltas[i + 1] ?? 0
    if (at * 1_000 < from || at * 1_000 > to) return
    const { functionName, url, lineNumber } = nodes.get(id)!
    if (functionName === IDLE) {
      idle += took
      return
    }
    busy += took
    const name = functionName || "(anonymous)"
    const home = packageOf(url, name)
    add(packages, home, home, "", took)
    const where = placeOf(url, lineNumber)
    add(functions, `${name} ${where}`, name, where, took)
  })
  return { busy, idle, packages: ranked(packages), functions: ranked(functions) }
}
