/** Several real servers on one PostgreSQL, and what a test asks them. */
import { startDatabase } from "./Database.ts"
import { Server } from "./Server.ts"

export interface Cluster extends AsyncDisposable {
  readonly nodes: ReadonlyArray<Server>
  /** Of the first node's admin; good on every node. */
  readonly token: string
  readonly read: (node: Server, key: string, consistency?: string) => ReturnType<Server["call"]>
  readonly publish: (node: Server, key: string, value: unknown) => ReturnType<Server["call"]>
  /** The sum of a counter's samples in `/metrics` whose labels include `labels`. */
  readonly metric: (node: Server, name: string, labels?: string) => Promise<number>
}

export const startCluster = async (size: number, env: Record<string, string> = {}): Promise<Cluster> => {
  const database = await startDatabase()
  const nodes: Array<Server> = []
  const end = async () => {
    for (const node of nodes) await node[Symbol.asyncDispose]()
    await database[Symbol.asyncDispose]()
  }
  try {
    for (let i = 0; i < size; i++) {
      const names = { DATABASE_URL: database.url, HERALD_PEPPER: "shared", HERALD_NODE: `node-${i}` }
      const node = new Server({ ...names, ...env })
      nodes.push(node)
      await node.start()
    }
  } catch (error) {
    await end()
    throw error
  }
  const token = nodes[0]!.token
  const headers = { authorization: `Bearer ${token}` }
  const path = (key: string) => `/v1/config/${encodeURIComponent(key)}?environment=production`
  return {
    nodes,
    token,
    read: (node, key, consistency = "cached") =>
      node.call("GET", `${path(key)}&consistency=${consistency}`, undefined, headers),
    publish: (node, key, value) => node.call("PUT", path(key), { value, type: "string", message: "test" }, headers),
    metric: async (node, name, labels = "") => {
      const { body } = await node.call("GET", "/metrics", undefined, headers)
      return String(body)
        .split("\n")
        .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
        .filter((line) => line.includes(labels))
        .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0)
    },
    [Symbol.asyncDispose]: end
  }
}
