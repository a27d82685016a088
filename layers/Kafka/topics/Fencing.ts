/**
 * Identities by which a node writes into a partition, and how another one ends them.
 *
 *   KP1  A partition's writer is an identity that Kafka gives out (a transactional id of this run, topic and partition, and its epoch). Whoever fences it has
 *        Kafka give out the next one and put a mark of an empty transaction into the partition: from that mark on Kafka refuses what the older one
 *        sends, whenever it arrives.
 */
import { setTimeout as sleep } from "node:timers/promises"
import type { PartitionId } from "../../../src/topics/Piece.ts"
import { type Brokers, isRefused } from "./Brokers.ts"
import { codes } from "./Protocol.ts"
import { abort, type Identity, identify, joinTransaction } from "./Transactions.ts"

/** Milliseconds of a transaction: nobody waits longer for one that was left open. */
const TRANSACTION = 10_000
const AGAIN = 20
const PATIENCE = 10_000

export const transactionalId = (run: string, { topic, partition }: PartitionId): string =>
  `herald.topics.${run}.${topic}.${partition}`

/** Somebody else has it under way, or its keeper is only starting. */
const passing = (cause: unknown): boolean =>
  isRefused(cause) &&
  (
    [14, 15, 16, codes.CONCURRENT_TRANSACTIONS, codes.INVALID_PRODUCER_EPOCH, codes.PRODUCER_FENCED] as Array<number>
  ).includes(cause.code)

const patiently = async <A>(run: () => Promise<A>): Promise<A> => {
  const until = performance.now() + PATIENCE
  for (;;) {
    try {
      return await run()
    } catch (cause) {
      if (!passing(cause) || performance.now() > until) throw cause
      await sleep(AGAIN)
    }
  }
}

export const enlist = (brokers: Brokers, id: string): Promise<Identity> =>
  patiently(() => brokers.askKeeper(id, identify(id, TRANSACTION)))

/** Ends what has that identity in the partition, and returns the next one. KP1 */
export const fence = (brokers: Brokers, id: string, topic: string, partition: number): Promise<Identity> =>
  patiently(async () => {
    const mine = await enlist(brokers, id)
    await brokers.askKeeper(id, joinTransaction(id, mine, topic, partition))
    await brokers.askKeeper(id, abort(id, mine))
    // Is answered once the mark is in the partition.
    return await enlist(brokers, id)
  })
