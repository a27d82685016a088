/** One run of a verb against a server that has one answer, and what a server answers with. */
import { FakeHerald, type Reply, stamped } from "../support/FakeHerald.ts"
import { type TerminalOptions, terminal } from "../support/Terminal.ts"

export const stored = stamped({
  key: "shop",
  environment: "production",
  version: 3,
  revision: 7,
  value: '{"x":true}',
  type: "json",
  deleted: false,
  schema: null,
  strict: true,
  template: false,
  digest: "0123456789abcdef",
  createdAt: 0,
  updatedAt: 0,
  updatedBy: "ann",
  message: "turn x on",
  stale: false
})
const { value: _, stale, ...meta } = stored
const { key, environment, version, revision, type, digest, deleted, strict } = meta
/** As the history has it. */
export const kept = { ...meta, value: stored.value }
export const changed = { key, environment, version, type, digest, deleted }
export const published = { ...changed, revision, epoch: "e", committedAt: 0, replayed: false }
export const patch = { kind: "json", patch: [{ op: "replace", path: "/x", value: false }] }
export const head = { key, environment, version, revision, digest, strict, template: true }

/** One run against a server that has this one answer. */
export const ask = async (args: ReadonlyArray<string>, line: string, reply: Reply, options: TerminalOptions = {}) => {
  await using herald = await FakeHerald.start()
  herald.on(line, reply)
  const cli = terminal({ terminal: true, ...options })
  const exit = await cli.run(...args, "--server", herald.url)
  return { exit, cli, herald, request: herald.requests[0]!, printed: cli.printed }
}
export const CONFIG = "/v1/config/shop"
