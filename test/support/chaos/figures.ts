import type { Outcome } from './campaign.ts'

const columns = ['faults', 'runs', 'rows', 'losses', 'duplicates'] as const

/** What a file of chaos tests has done, as a table: printed at its end. */
export class Figures {
  readonly #title: string
  readonly #rows = new Map<string, Record<(typeof columns)[number], number>>()

  constructor(title: string) {
    this.#title = title
  }

  add(name: string, outcome: Omit<Outcome, 'runs' | 'planned'> & { readonly runs: readonly unknown[] }): void {
    const sum = this.#rows.get(name) ?? { faults: 0, runs: 0, rows: 0, losses: 0, duplicates: 0 }
    for (const column of columns) sum[column] += column === 'runs' ? outcome.runs.length : outcome[column]
    this.#rows.set(name, sum)
  }

  print(): void {
    const all = { faults: 0, runs: 0, rows: 0, losses: 0, duplicates: 0 }
    for (const row of this.#rows.values()) for (const column of columns) all[column] += row[column]
    const lines = [...this.#rows, ['all', all] as const].map(([name, row]) =>
      line(
        name,
        columns.map((c) => `${row[c]}`),
      ),
    )
    process.stdout.write(`\n${line(this.#title, columns)}\n${lines.join('\n')}\n`)
  }
}

function line(name: string, cells: readonly string[]): string {
  return name.padEnd(52) + cells.map((cell) => cell.padStart(12)).join('')
}
