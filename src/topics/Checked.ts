/** What is checked of a batch before any of it is appended: TV1 in Publishing.ts. */
import { Effect } from "effect"
import { failure, type HeraldError } from "../errors/HeraldError.ts"
import { reasonOf } from "../work/Mistake.ts"
import { Workers } from "../work/Workers.ts"
import { PRODUCER_LENGTH, type Producing } from "./Batch.ts"
import { walk } from "./Frames.ts"
import { BATCH_BYTES } from "./Limits.ts"
import { type Message, wrongHeader, wrongMessage } from "./Message.ts"
import type { Part } from "./Parted.ts"
import type { Topic } from "./Topic.ts"

/** Texts and characters of one job that checks them. */
const [TEXTS, TEXT] = [500, 262_144]

export const wrongProducer = (producer: string): string | undefined =>
  producer.length < 1 || producer.length > PRODUCER_LENGTH || !/^[^\p{Cc}\p{Cs}]+$/u.test(producer)
    ? `producer: 1 to ${PRODUCER_LENGTH} characters, none of them a control character`
    : undefined

export const wrongProducing = ({ producer, epoch, sequence }: Producing): string | undefined => {
  const wrong = wrongProducer(producer)
  if (wrong !== undefined) return wrong
  if (!Number.isSafeInteger(epoch) || epoch < 1) return "producer epoch: as it was given when the producer was opened"
  return Number.isSafeInteger(sequence) && sequence >= 1 ? undefined : "sequence: a whole number from 1"
}

/** The first event that can't be kept. Its size is checked apart. `again`: headers of Herald's own may be there. TM6 */
export const wrongEvent = (all: ReadonlyArray<Message>, again: boolean): HeraldError | undefined => {
  for (const [index, event] of all.entries()) {
    const wrong = wrongMessage(event) ?? (again ? undefined : wrongHeader(event))
    if (wrong !== undefined) return failure("InvalidEvent", `event ${index}: ${wrong}`, { details: { index } })
  }
  return undefined
}

/** `eventBytes`: of one event. */
export const tooLarge = (parts: ReadonlyArray<Part>, eventBytes: number): HeraldError | undefined => {
  let wrong: HeraldError | undefined
  let bytes = 0
  for (const { frame, indexes } of parts) {
    bytes += frame.bytes.length
    walk(frame.bytes, (at, start, end) => {
      const index = indexes?.[at] ?? at
      if (end - start > eventBytes)
        wrong ??= failure(
          "InvalidEvent",
          `event ${index}: it has ${end - start} bytes, at most ${eventBytes} are allowed`,
          {
            details: { index }
          }
        )
    })
  }
  return bytes > BATCH_BYTES
    ? failure("TooLarge", `the batch has ${bytes} bytes of events, at most ${BATCH_BYTES} are allowed`)
    : wrong
}

/** Checks payloads by the topic's schema, in threads. Fails `InvalidEvent`, `Busy`, `Timeout`. */
export const makeFitSchema = Effect.map(Workers, (workers) => {
  const decoder = new TextDecoder("utf-8", { fatal: true })
  return Effect.fnUntraced(function* ({ schema, schemaVersion, name }: Topic, all: ReadonlyArray<Message>) {
    if (schema === null) return
    const refused = (index: number, said: string, details: Readonly<Record<string, unknown>> = {}) =>
      failure("InvalidEvent", `event ${index} does not fit schema ${schemaVersion} of ${name}: ${said}`, {
        details: { index, schemaVersion, ...details }
      })
    for (let from = 0; from < all.length; ) {
      const texts: Array<string> = []
      let unread: number | undefined
      for (let room = TEXT; room > 0 && texts.length < TEXTS && from + texts.length < all.length; ) {
        const index = from + texts.length
        let text: string
        try {
          text = decoder.decode(all[index]!.payload)
        } catch {
          unread = index
          break // What is before it is said first.
        }
        texts.push(text)
        room -= text.length
      }
      const found = texts.length === 0 ? undefined : yield* workers.check(schema, texts)
      if (found !== undefined) {
        const { index, mistake } = found
        const path = mistake._tag === "Violation" ? { path: mistake.path } : {}
        return yield* refused(from + index, reasonOf(mistake), path)
      }
      if (unread !== undefined) return yield* refused(unread, "its payload is not UTF-8, and so no JSON")
      from += texts.length
    }
  })
})
