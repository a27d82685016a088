/** Rows to a table, as text or as Markdown. Pure. */

export type Cells = ReadonlyArray<string>

export const table = (head: Cells, rows: ReadonlyArray<Cells>, markdown: boolean): string => {
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map((cells) => (cells[column] ?? "").length)))
  const line = (cells: Cells) => head.map((_, i) => (cells[i] ?? "").padEnd(widths[i]!))
  if (markdown) {
    const asRow = (cells: Cells) => `| ${cells.join(" | ")} |`
    return [asRow(line(head)), asRow(widths.map((n) => "-".repeat(n))), ...rows.map((r) => asRow(line(r)))].join("\n")
  }
  const plain = (cells: Cells) => line(cells).join("  ").trimEnd()
  return [plain(head), plain(widths.map((n) => "─".repeat(n))), ...rows.map(plain)].join("\n")
}
