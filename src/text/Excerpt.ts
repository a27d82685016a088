/** A text of others in a sentence: at most 40 characters of it, quoted. Pure. */
export const excerpt = (text: string): string =>
  JSON.stringify(text.length > 40 ? `${text.slice(0, 40).toWellFormed()}…` : text)
