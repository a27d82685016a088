/** Quotes foreign text in a sentence: at most 40 characters of it. Pure. */
export const excerpt = (text: string): string =>
  JSON.stringify(text.length > 40 ? `${text.slice(0, 40).toWellFormed()}…` : text)
