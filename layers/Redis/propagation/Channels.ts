/** Where Redis tells of revisions: nodes, and everybody else. See docs/redis.md. */
export const CHANNEL = "herald:revisions"
export const updatesChannel = (word: string, key: string) => `${word}:updates:${key}`
