/** A cluster: several real servers on one real PostgreSQL. The first one that starts makes the admin key; all share the pepper. */
import { HeraldClient } from "../../src/client/HeraldClient.ts"
import { type Database, startDatabase } from "./Database.ts"
import { Server } from "./Server.ts"

/** Limits that no test of a cluster should meet. */
const LIMITS = {
  GRPC_MAX_STREAMS: "20000",
  LIMIT_STREAMS_PER_IDENTITY: "20000",
  LIMIT_STREAMS_PER_ENVIRONMENT: "20000",
  LIMIT_REQUESTS_PER_SECOND: "1000000",
  LIMIT_BURST: "1000000"
}

export interface NodesOptions {
  readonly count: number
  /** Settings of all nodes, such as those of Redis or Kafka. */
  readonly env?: Readonly<Record<string, string>>
  /** Started for them, and ended with them. */
  readonly database?: () => Promise<Database>
  /** What the nodes connect to instead of the database itself, such as a proxy before it. */
  readonly databaseUrl?: (direct: string) => string | Promise<string>
  /** What one of them has besides: by its place, from 0, and by what all connect to. */
  readonly own?: (node: number, databaseUrl: string) => Readonly<Record<string, string>>
}

export class Nodes {
  readonly database: Database
  readonly servers: ReadonlyArray<Server>

  private constructor(database: Database, servers: ReadonlyArray<Server>) {
    this.database = database
    this.servers = servers
  }

  /** Starts all at the same moment. */
  static async start(options: NodesOptions): Promise<Nodes> {
    const { count, env = {}, databaseUrl = (direct) => direct, own = () => ({}) } = options
    const database = await (options.database ?? startDatabase)()
    const shared = {
      DATABASE_URL: await databaseUrl(database.url),
      HERALD_PEPPER: "a pepper that all nodes share",
      ...LIMITS
    }
    const servers = Array.from(
      { length: count },
      (_, i) => new Server({ ...shared, ...env, HERALD_NODE: `n${i + 1}`, ...own(i, shared.DATABASE_URL) })
    )
    const nodes = new Nodes(database, servers)
    try {
      await Promise.all(servers.map((server) => server.start()))
    } catch (error) {
      await nodes[Symbol.asyncDispose]()
      throw error
    }
    const tokens = nodes.tokens
    for (const server of servers) server.given = tokens[0]
    return nodes
  }

  /** Every admin token that was made: there should be one. */
  get tokens(): ReadonlyArray<string> {
    return this.servers.flatMap((server) => server.ownToken ?? [])
  }

  get token(): string {
    return this.servers[0]!.token
  }

  get addresses(): ReadonlyArray<string> {
    return this.servers.map(({ grpc }) => grpc)
  }

  /** An SDK client that knows all nodes and comes back quickly. */
  client(
    instance: string,
    address: string | ReadonlyArray<string> = this.addresses,
    keys?: ReadonlyArray<string>
  ): Promise<HeraldClient> {
    return HeraldClient.connect({ address, service: "svc", instance, token: this.token, waitForSync: true, keys })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A stopped process takes no SIGTERM.
    for (const server of this.servers) server.process?.kill("SIGCONT")
    await Promise.all(this.servers.map((server) => server[Symbol.asyncDispose]()))
    await this.database[Symbol.asyncDispose]()
  }
}
