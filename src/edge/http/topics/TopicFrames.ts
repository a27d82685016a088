/**
 * Texts of what readers of topics are told, as bytes, for all streams of this door.
 *
 *   YE3  A batch is made into JSON once for all who are sent it, whatever they read it by: what was made of late is kept, within a bound of bytes.
 */
import { Context, Layer } from "effect"
import type { Batch, Told } from "../../../fanout/Batch.ts"
import { ending } from "../../websocket/Frame.ts"
import { type Shown, toldText } from "./StreamText.ts"

/** Bytes, of each way in which payloads are shown. YE3 */
const KEPT = 8_388_608

/** The second frame of a message, and the text in it. */
export interface Made {
  readonly frame: Buffer
  readonly text: Buffer
}

const made = (text: string): Made => {
  const frame = ending(text)
  return { frame, text: frame.subarray(frame.length - Buffer.byteLength(text)) }
}

class Kept {
  readonly #made = new Map<Batch, Made>()
  #bytes = 0

  of(batch: Batch, make: () => Made): Made {
    const before = this.#made.get(batch)
    if (before !== undefined) return before
    const fresh = make()
    this.#made.set(batch, fresh)
    this.#bytes += fresh.frame.length + batch.bytes
    for (const [oldest, { frame }] of this.#made) {
      if (this.#bytes <= KEPT || oldest === batch) break
      this.#made.delete(oldest)
      this.#bytes -= frame.length + oldest.bytes
    }
    return fresh
  }
}

export class TopicFrames extends Context.Service<
  TopicFrames,
  { readonly of: (topic: string, told: Told, as: Shown) => Made }
>()("herald/edge/http/topics/TopicFrames") {
  static readonly layer = Layer.sync(TopicFrames, () => {
    const kept = { json: new Kept(), text: new Kept() }
    return {
      of: (topic, told, as) =>
        told.kind === "batch"
          ? kept[as].of(told, () => made(toldText(topic, told, as)))
          : made(toldText(topic, told, as))
    }
  })
}
