/**
 * Checks names of topics. Pure, without imports.
 *
 *   TT1  A topic's name has 1 to 200 characters: segments of letters, digits and . _ - between slashes, each beginning with a letter, a digit or _.
 *        It is compared as it is written, and no path can climb by it.
 */

/** Characters. */
export const TOPIC_LENGTH = 200

/** Its characters; the length is checked apart. */
export const TOPIC_NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_][A-Za-z0-9._-]*)*$/

export const isTopicName = (name: string): boolean => name.length <= TOPIC_LENGTH && TOPIC_NAME.test(name)

export const topicNameRule = `1 to ${TOPIC_LENGTH} letters, digits and . _ - in segments between slashes, each beginning with a letter, a digit or _`

/** What is wrong with it, worded to follow its name. */
export const wrongTopicName = (name: string): string | undefined =>
  isTopicName(name) ? undefined : `is not the name of a topic: ${topicNameRule}`
