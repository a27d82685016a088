/**
 * Says why a text is not JSON, and where. Pure, without imports.
 *
 *   QJ1  Nothing of the text is in it but one character: what is wrong may be a secret, and reasons stand in logs.
 */

/** Characters up to which the place is looked for, where the engine does not say it. */
const SHORT = 4_096

const messageOf = (text: string): string => {
  try {
    JSON.parse(text)
    return ""
  } catch (error) {
    return error instanceof Error ? error.message : ""
  }
}

/** The engine shows what stands around it, and not where it stands. */
const shows = (said: string): boolean => said.endsWith(" is not valid JSON")

/** How much of a text can still become JSON. */
const good = (text: string): number => {
  let [low, high] = [0, text.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (shows(messageOf(text.slice(0, middle + 1)))) high = middle
    else low = middle + 1
  }
  return low
}

/** Worded to follow "it is not JSON: ". QJ1 */
export const whyNotJson = (text: string): string => {
  const said = messageOf(text)
  if (!shows(said)) return said.slice(0, 200)
  const [token = "Unexpected text"] = /^Unexpected token '.{1,2}'/su.exec(said) ?? []
  return text.length > SHORT ? token : `${token} in JSON at position ${good(text)}`
}
