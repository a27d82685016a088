/** Which topics a rule routes: one by its name, or all below a name (`orders/*`). Pure. */
import { isTopicName } from "../keys/TopicName.ts"

export const isSource = (text: string): boolean => isTopicName(text.endsWith("/*") ? text.slice(0, -2) : text)

export const sourceRule = "the name of a topic, or a name and /* for all topics below it"

/** Whether it means several, those that there will be too. */
export const isPattern = (source: string): boolean => source.endsWith("/*")

export const covers = (source: string, topic: string): boolean =>
  isPattern(source) ? topic.startsWith(source.slice(0, -1)) : source === topic
