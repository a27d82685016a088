/** Why a reader does not get events, in the words of the command line. Pure. */

const whys: Readonly<Record<string, string>> = {
  retention: "they were kept as long as the topic says",
  corrupt: "what is stored of them is not what was written",
  epoch: "the topic's history was lost, as when a backup is restored",
  empty: "no event ever had these offsets, so nothing is missing",
  unfit: "another program put them into Kafka, and they have more than an event may have",
  overflow: "this reader was too slow for them"
}

/** `from`, `to`: offsets, the latter not in it; of two histories they say nothing together. */
export const gapText = (
  { topic, partition }: { readonly topic?: string; readonly partition: number },
  from: number | bigint,
  to: number | bigint,
  why: string
): string =>
  `partition ${partition}${topic === undefined ? "" : ` of ${topic}`}: ${
    why === "epoch" ? "events may be missing" : `no events from ${from} to ${to}`
  }: ${whys[why] ?? why}`
