/** Where Redis tells of revisions: nodes, and everybody else. See docs/redis.md. */
export const CHANNEL = "herald:revisions"
export const updatesChannel = (key: string) => `config:updates:${key}`
