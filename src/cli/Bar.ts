/** A bar of so many characters, of which a share is full. Pure. */

/** Whether the terminal shows more than ASCII, as its locale says; unsaid, it does. */
export const showsBlocks = (env: Readonly<Record<string, string | undefined>>): boolean => {
  const locale = env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"] || ""
  return env["TERM"] !== "dumb" && (locale === "" || /utf-?8/i.test(locale))
}

export const bar = (share: number, width: number, blocks: boolean): string => {
  const full = Math.round(Math.min(1, Math.max(0, share)) * width)
  return (blocks ? "█" : "#").repeat(full) + (blocks ? "░" : "-").repeat(width - full)
}
