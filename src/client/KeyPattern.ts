/** Key patterns as the server understands them: an exact key, or `prefix.*` for every key below it. Pure. */
export const matches = (pattern: string, key: string): boolean =>
  pattern === "*" || (pattern.endsWith(".*") ? key.startsWith(pattern.slice(0, -1)) : pattern === key)
