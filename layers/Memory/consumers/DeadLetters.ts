/** Dead letters beside a `Topic`. */
import { Layer } from "effect"
import { DeadLetters } from "../../../src/consumers/DeadLetters.ts"
import type { Topic } from "../Topic.ts"

export const layer = (topic: Topic) =>
  Layer.succeed(DeadLetters, { put: (letters) => topic.taking(() => void topic.letters.push(...letters)) })
