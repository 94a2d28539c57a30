import { printable } from './printable.ts'

/** Prints an answer for programs as one JSON document. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`)
}

/** @param line of our own words; put foreign text through `printable` first. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

export type Column<Row> = { readonly title: string; readonly of: (row: Row) => unknown }

/** A table whose columns are as wide as their widest cell; the last one is cut to the terminal. */
export function printTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): void {
  const cells = rows.map((row) => columns.map(({ of }) => printable(of(row))))
  const titles = columns.map(({ title }) => title)
  const widths = titles.map((title, index) =>
    Math.max(title.length, ...cells.map((row) => row[index]?.length ?? 0)),
  )
  const width = process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY
  for (const row of [titles, ...cells])
    print(
      row
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join('  ')
        .trimEnd()
        .slice(0, width),
    )
}
