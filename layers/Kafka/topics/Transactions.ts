/** The requests of Kafka's protocol about transactional ids, by which writers have identities. Pure. */
import { Writing } from "./Bytes.ts"
import { type Call, right } from "./Protocol.ts"
import type { Stamp } from "./RecordBatch.ts"

/** Which broker keeps a transactional id. */
export const coordinator = (id: string): Call<{ readonly host: string; readonly port: number }> => ({
  name: "FindCoordinator",
  key: 10,
  version: 2,
  body: new Writing().text(id).int8(1).bytes,
  read: (answer) => {
    answer.int32()
    right("FindCoordinator", answer.int16())
    answer.text()
    answer.int32()
    return { host: answer.text()!, port: answer.int32() }
  }
})

export type Identity = Omit<Stamp, "sequence">

/** Gives whoever asks the only identity of that id that counts from now on. `timeout`: milliseconds of a transaction. */
export const identify = (id: string, timeout: number): Call<Identity> => ({
  name: "InitProducerId",
  key: 22,
  version: 1,
  body: new Writing().text(id).int32(timeout).bytes,
  read: (answer) => {
    answer.int32()
    right("InitProducerId", answer.int16())
    return { producerId: answer.int64(), producerEpoch: answer.int16() }
  }
})

export const joinTransaction = (id: string, by: Identity, topic: string, partition: number): Call<void> => ({
  name: "AddPartitionsToTxn",
  key: 24,
  version: 1,
  body: new Writing()
    .text(id)
    .int64(by.producerId)
    .int16(by.producerEpoch)
    .int32(1)
    .text(topic)
    .int32(1)
    .int32(partition).bytes,
  read: (answer) => {
    answer.int32()
    answer.array((one) => {
      one.text()
      one.array((part) => {
        part.int32()
        right("AddPartitionsToTxn", part.int16())
      })
    })
  }
})

export const abort = (id: string, by: Identity): Call<void> => ({
  name: "EndTxn",
  key: 26,
  version: 1,
  body: new Writing().text(id).int64(by.producerId).int16(by.producerEpoch).int8(0).bytes,
  read: (answer) => {
    answer.int32()
    right("EndTxn", answer.int16())
  }
})
