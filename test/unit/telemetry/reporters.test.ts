import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { noCounts } from '../../../src/core/counts.ts'
import { createPaint, textWidth } from '../../../src/telemetry/format.ts'
import { renderLine, renderLive, TableRates } from '../../../src/telemetry/live-view.ts'
import type { Progress, TableProgress } from '../../../src/telemetry/progress.ts'
import { createReporter, progressIntervalMs, type ReporterOptions } from '../../../src/telemetry/reporters.ts'

const plain = createPaint(false)

function table(source: string, read: number, total: number | null, state: TableProgress['state']): TableProgress {
  const counts = { ...noCounts, read, written: read }
  return { source, target: `public.${source}`, counts, bytes: read * 260, total, state }
}

function progress(tables: readonly TableProgress[], more: Partial<Progress> = {}): Progress {
  const read = tables.reduce((sum, { counts }) => sum + counts.read, 0)
  const total = tables.reduce<number | null>(
    (sum, one) => (sum === null || one.total === null ? null : sum + one.total),
    0,
  )
  return {
    phase: 'copy',
    tables,
    totals: { ...noCounts, read, written: read },
    bytes: read * 260,
    total,
    percent: total === null ? null : total === 0 ? 100 : Math.min(100, (100 * read) / total),
    rowsPerSecond: 300_000,
    bytesPerSecond: 78_000_000,
    eta: total === null ? null : Math.max(0, total - read) / 300_000,
    seconds: 2,
    workers: 2,
    workersBusy: 1,
    retries: 0,
    maxRate: null,
    ...more,
  }
}

const two = progress([table('users', 412_000, 1_000_000, 'copying'), table('orders', 0, 50_000, 'waiting')])

describe('live view', () => {
  it('shows each table and all of them', () => {
    const rates = new TableRates()
    rates.update(progress([table('users', 100_000, 1_000_000, 'copying')], { seconds: 1 }))
    rates.update(two)
    expect(renderLive(two, rates, { columns: 120, rows: 24 }, plain).join('\n')).toMatchInlineSnapshot(`
      "users   ██████░░░░░░░░░░  41 %  412,000 of 1,000,000 rows  312,000 rows/s  81.1 MB/s  ETA 1.9 s
      orders  ░░░░░░░░░░░░░░░░   0 %        0 of 50,000 rows                                  waiting
      total   ██████░░░░░░░░░░  39 %  412,000 of 1,050,000 rows  300,000 rows/s  78.0 MB/s  ETA 2.1 s
      copy  2.0 s  workers 1 of 2 busy  retries 0"
    `)
  })

  it('shows a single table in one line, and an unknown total without percent', () => {
    const view = progress([table('events', 5, null, 'copying')], { rowsPerSecond: 0, bytesPerSecond: 0 })
    expect(renderLive(view, new TableRates(), { columns: 80, rows: 24 }, plain).join('\n')).toMatchInlineSnapshot(`
      "events  ░░░░░░░░░░░░░░░░  ?  5 rows  0 rows/s  0 B/s  ETA ?
      copy  2.0 s  workers 1 of 2 busy  retries 0"
    `)
  })

  it('leaves cells out on a narrow screen', () => {
    expect(renderLive(two, new TableRates(), { columns: 50, rows: 24 }, plain).join('\n')).toMatchInlineSnapshot(`
      "users   41 %  412,000        0 rows/s      ETA ?
      orders   0 %        0                    waiting
      total   39 %  412,000  300,000 rows/s  ETA 2.1 s
      copy  2.0 s  workers 1 of 2 busy  retries 0"
    `)
  })

  it('never goes beyond the screen or 100 percent, whatever is copied', () => {
    const tables = fc.array(
      fc.record({ name: fc.string({ unit: 'grapheme' }), read: fc.nat(), total: fc.option(fc.nat()) }),
      { minLength: 1, maxLength: 40 },
    )
    const size = fc.record({ columns: fc.integer({ min: 10, max: 200 }), rows: fc.integer({ min: 5, max: 60 }) })
    fc.assert(
      fc.property(tables, size, (all, screen) => {
        const view = progress(all.map(({ name, read, total }, at) => table(`${name}${at}`, read, total, 'copying')))
        const lines = renderLive(view, new TableRates(), screen, plain)
        expect(lines.length).toBeLessThan(screen.rows)
        for (const line of lines) expect(textWidth(line)).toBeLessThan(screen.columns)
        for (const [, percent] of lines.join('\n').matchAll(/(\d+) %/g))
          expect(Number(percent)).toBeLessThanOrEqual(100)
      }),
    )
  })
})

describe('line for logs', () => {
  it('has everything in one line', () => {
    expect(renderLine(two)).toMatchInlineSnapshot(
      `"copy  39 %  412,000 of 1,050,000 rows  300,000 rows/s  78.0 MB/s  ETA 2.1 s  workers 1 of 2 busy  retries 0"`,
    )
    expect(renderLine(progress([table('e', 5, null, 'copying')], { rowsPerSecond: 0 }))).toMatchInlineSnapshot(
      `"copy  ?  5 rows  0 rows/s  78.0 MB/s  ETA ?  workers 1 of 2 busy  retries 0"`,
    )
  })
})

describe('createReporter', () => {
  function reporter(options: Partial<ReporterOptions>) {
    const written: string[] = []
    let clock = 0
    const made = createReporter({
      kind: 'auto',
      write: (text) => void written.push(text),
      isTty: false,
      color: false,
      logLevel: 'info',
      screen: () => ({ columns: 80, rows: 24 }),
      now: () => clock,
      ...options,
    })
    return { ...bound(made), written, text: () => written.join(''), wait: (ms: number) => (clock += ms) }
  }

  function bound(made: ReturnType<typeof createReporter>) {
    return {
      progress: (view: Progress) => made.progress(view),
      notice: (level: 'debug' | 'info' | 'warning' | 'error', message: string) => made.notice({ level, message }),
      close: () => made.close(),
    }
  }

  it('writes lines without control characters where there is no terminal', () => {
    const { progress: show, notice, text } = reporter({})
    notice('warning', 'odd \u001b[31m name')
    show(two)
    show(two)
    show({ ...two, phase: 'verify' })
    expect(text().split('\n')).toEqual([
      'warning: odd \\u001b[31m name',
      renderLine(two),
      renderLine({ ...two, phase: 'verify' }),
      '',
    ])
    expect(text().includes('\r') || text().includes('\u001b')).toBe(false)
  })

  it('draws in place on a terminal, ten times a second at most, and gives the cursor back', () => {
    const { progress: show, notice, close, written, wait } = reporter({ isTty: true })
    show(two)
    show(two)
    expect(written).toHaveLength(1)
    wait(100)
    show(two)
    expect(written).toHaveLength(2)
    expect(written[1]?.startsWith('\u001b[?25l\r\u001b[3A')).toBe(true)
    notice('info', 'hello')
    expect(written.slice(2, 4)).toEqual(['\r\u001b[3A\u001b[K\n\u001b[J\u001b[1A\u001b[?25h', 'hello\n'])
    close()
    close()
    expect(written.at(-1)).toContain('\u001b[?25h')
    expect(written).toHaveLength(6)
  })

  it('writes one JSON object a line', () => {
    const { progress: show, notice, text } = reporter({ kind: 'json' })
    notice('warning', 'careful')
    notice('debug', 'unseen')
    show(two)
    const lines = text()
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line))
    expect(lines).toHaveLength(2)
    expect(lines[0]).toMatchObject({ level: 'warning', event: 'notice', message: 'careful' })
    expect(lines[1]).toMatchObject({ level: 'info', event: 'progress', phase: 'copy', totals: { read: 412_000 } })
  })

  it('keeps progress to itself but not the warnings, with none', () => {
    const { progress: show, notice, text } = reporter({ kind: 'none', logLevel: 'warning', isTty: true })
    show(two)
    notice('info', 'a')
    notice('error', 'b')
    expect(text()).toBe('error: b\n')
  })

  it('wants to hear more often for a live view', () => {
    expect(progressIntervalMs('auto', true)).toBe(100)
    expect(progressIntervalMs('auto', false)).toBe(2000)
    expect(progressIntervalMs('json', true)).toBe(2000)
  })
})
