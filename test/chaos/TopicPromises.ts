/**
 * What a randomised run does with a topic: producers that go on whatever happens, publishes that may fail, and readers of everything.
 *
 *   CP7  Events that were acked are in the topic, once and in order; those that were said to have failed are not; readers skip none in silence.
 */
import type { Nodes } from "../support/Nodes.ts"
import { createTopic, TopicPrograms } from "../support/TopicPrograms.ts"
import { waitUntil } from "../support/waitUntil.ts"

const TOPIC = "chaos"
const PARTITIONS = 3

export class TopicPromises implements AsyncDisposable {
  readonly wrong: Array<string> = []
  readonly #programs: TopicPrograms

  /** The topic is made, and its programs run. */
  static async start(nodes: Nodes): Promise<TopicPromises> {
    await createTopic(nodes.servers[0]!, TOPIC, { partitions: PARTITIONS })
    const programs = new TopicPrograms(TOPIC, nodes.addresses, nodes.token)
    for (let n = 0; n < 3; n++) programs.produce(`p${n}`, { partitions: PARTITIONS, batch: 5, calls: 6, pause: 20 })
    for (const [n, server] of nodes.servers.entries()) programs.post(server, `plain${n}`, 3_000)
    for (const name of ["r0", "r1"]) programs.follow(name)
    return new TopicPromises(programs)
  }

  private constructor(programs: TopicPrograms) {
    this.#programs = programs
  }

  /** Acked. */
  get events(): number {
    return this.#programs.sent.ok
  }

  /** After the faults. CP7 */
  async end(): Promise<void> {
    const before = this.events
    await waitUntil("topics to take events again", () => this.events > before + 100)
    await this.#programs.stop()
    const { found } = await this.#programs.judge()
    this.wrong.push(...found.map(({ anomaly, why }) => `topics: ${anomaly}: ${why}`), ...this.#programs.errors)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#programs[Symbol.asyncDispose]()
  }
}
