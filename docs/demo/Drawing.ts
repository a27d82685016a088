// biome-ignore-all lint/suspicious/noControlCharactersInRegex: how a terminal is steered
/** Lines of two terminals as an animated SVG, with nothing but text and CSS in it: it moves on a page of GitHub, too. Pure. */

export interface Came {
  readonly pane: "client" | "you"
  readonly text: string
  /** By the person, not by the program. */
  readonly typed: boolean
  /** Seconds. */
  readonly at: number
}

const TITLES = { client: "your service", you: "you" } as const
const [LINE, CHARACTER, EDGE, TOP] = [18, 7.85, 16, 40]
/** Seconds that the end stays. */
const STAYS = 5
const COLOURS: Readonly<Record<string, string>> = {
  "31": "#ff7b72",
  "32": "#7ee787",
  "33": "#e3b341",
  "36": "#79c0ff",
  "2": "#8b949e",
  "90": "#8b949e"
}

const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

/** Colours of a terminal as parts of a text; everything else that steers it is left out. */
const painted = (text: string): string => {
  let colour: string | undefined
  return text
    .split(/(\u001b\[[\d;]*[A-Za-z])/)
    .map((part) => {
      const codes = /^\u001b\[([\d;]*)m$/.exec(part)?.[1]
      if (codes !== undefined) {
        for (const code of codes.split(";")) colour = COLOURS[code] ?? (/^(0|39|22)?$/.test(code) ? undefined : colour)
        return ""
      }
      if (part.startsWith("\u001b") || part === "") return ""
      return colour === undefined ? escaped(part) : `<tspan fill="${colour}">${escaped(part)}</tspan>`
    })
    .join("")
}

const plain = (text: string) => text.replaceAll(/\u001b\[[\d;]*[A-Za-z]/g, "")

const cut = (text: string, columns: number): string =>
  plain(text).length <= columns ? text : `${plain(text).slice(0, columns - 1)}…`

export const draw = (
  lines: ReadonlyArray<Came>,
  { columns, longestPause }: { readonly columns: number; readonly longestPause: number }
): string => {
  let now = 0
  let before = lines[0]?.at ?? 0
  const placed = lines.map((line) => {
    now += Math.min(longestPause, line.at - before)
    before = line.at
    return { ...line, shown: now }
  })
  const all = now + STAYS
  const width = Math.ceil(columns * CHARACTER) + 2 * EDGE
  const styles: Array<string> = []
  let y = 0
  const panes = (["client", "you"] as const).map((pane) => {
    const own = placed.filter((line) => line.pane === pane)
    const height = TOP + own.length * LINE + EDGE / 2
    const texts = own.map((line, i) => {
      const id = `${pane}${i}`
      const from = ((line.shown / all) * 100).toFixed(2)
      styles.push(`@keyframes ${id}{0%,${from}%{opacity:0}${(Number(from) + 0.4).toFixed(2)}%,100%{opacity:1}}`)
      styles.push(`#${id}{animation:${id} ${all.toFixed(1)}s linear infinite}`)
      const fill = line.typed ? ' fill="#f0f6fc" font-weight="600"' : ""
      return `<text id="${id}" x="${EDGE}" y="${y + TOP + (i + 0.7) * LINE}"${fill} xml:space="preserve">${painted(cut(line.text, columns))}</text>`
    })
    const box = `<rect y="${y}" width="${width}" height="${height}" rx="8" fill="#0d1117" stroke="#30363d"/><text x="${EDGE}" y="${y + 24}" fill="#8b949e">${TITLES[pane]}</text>`
    y += height + 10
    return box + texts.join("")
  })
  const height = y - 10
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="A change is published, the client applies it within milliseconds, and the publisher is told">
<style>text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}@media (prefers-reduced-motion:reduce){text{animation:none!important}}${styles.join("")}</style>
<g fill="#c9d1d9">
${panes.join("\n")}
</g>
</svg>
`
}
