/**
 * Makes foreign text safe for a terminal or a log. Pure.
 *
 *   PR1  A value from the server can't move the cursor, change colours, turn the direction of writing or hide anything: characters that
 *        would are shown as escapes. Inside of JSON the escapes are JSON's own, so that it stays the same data.
 */

/** C0, DEL, C1; marks and overrides of direction; line separators; characters of no width, and letters that nobody sees (Hangul's fillers, Khmer's inherent vowels); tags and selectors, which hide whole texts. */
const STEERING =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that must not reach a terminal
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e0fff}]|[\u17b4\u17b5]|[\u180b-\u180f]|\u034f|\p{Cs}/gu

export const escaped = (characters: string): string =>
  Array.from(
    { length: characters.length },
    (_, i) => `\\u${characters.charCodeAt(i).toString(16).padStart(4, "0")}`
  ).join("")

/** PR1. `lines`: newlines and tabs stay. */
export const printable = (text: string, lines = false): string =>
  text.replace(STEERING, (character) => {
    if (lines && (character === "\n" || character === "\t")) return character
    return character === "\n" ? "↵" : escaped(character)
  })

// biome-ignore lint/suspicious/noControlCharactersInRegex: how colours are written
const COLOUR = /(\u001b\[\d{1,3}(?:;\d{1,3})*m)/

/** The same for text that was coloured before: its colours, newlines and tabs stay. */
export const painted = (text: string): string =>
  text
    .split(COLOUR)
    .map((part, i) => (i % 2 === 1 ? part : printable(part, true)))
    .join("")
