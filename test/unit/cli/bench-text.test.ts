import { describe, expect, it } from 'vitest'
import { drawChart } from '../../../bench/chart.ts'
import { renderBench } from '../../../src/cli/bench-text.ts'
import type { BenchReport, BenchSection, Beside, Limit, Measurement } from '../../../src/devkit/bench-report.ts'

const threads: Measurement = {
  mode: 'threads',
  workers: 2,
  batchRows: 8000,
  seconds: 4,
  allSeconds: [4],
  startSeconds: 0.25,
  copySeconds: 3,
  stages: { read: 0.5, transform: 0, encode: 0.75, write: 1.5, commit: 0.25, index: 0.5 },
  rows: 1_000_000,
  rowsPerSecond: 250_000,
  timesSequential: 1.5,
  timesReference: 1.25,
  timesLimit: 0.8,
  peakRssBytes: 180_000_000,
  processes: [{ role: 'coordinator', peakRssBytes: 181_000_000 }],
  cpuSeconds: 3.5,
  serverCpu: { mongodb: 1, postgresql: 2 },
  coresLeft: 1.25,
  rowsVerified: 1_000_000,
  scaledFromRows: null,
}

const sequential: Measurement = {
  ...threads,
  mode: 'sequential',
  workers: 1,
  seconds: 6,
  allSeconds: [6],
  rowsPerSecond: 166_667,
  timesSequential: 1,
}

const processes: Measurement = {
  ...threads,
  mode: 'processes',
  processes: [
    { role: 'coordinator', peakRssBytes: 100_000_000 },
    { role: 'worker', peakRssBytes: 70_000_000 },
    { role: 'worker', peakRssBytes: 80_000_000 },
  ],
}

const insert: Measurement = {
  ...threads,
  mode: 'insert',
  workers: 1,
  batchRows: 1,
  seconds: 300,
  rowsPerSecond: 3333,
  stages: null,
  rowsVerified: null,
  scaledFromRows: 16_000,
}

const limit: Limit = {
  connections: 2,
  seconds: 2,
  allSeconds: [2],
  rows: 1_000_000,
  bytes: 260_000_000,
  peakRssBytes: 150_000_000,
  cpuSeconds: 1,
}

const section: BenchSection = {
  name: 'users',
  note: null,
  source: 'server',
  table: 'users',
  transform: null,
  rows: 1_000_000,
  bytes: 262_000_000,
  measurements: [sequential, threads, processes, insert],
  limits: {
    rawRead: [{ ...limit, connections: 1, seconds: 3 }, limit],
    readyCopy: { ...limit, seconds: 3 },
    seconds: 5,
    reference: { ...limit, seconds: 3.2 },
  },
  beside: [],
}

const report: BenchReport = {
  surroundings: {
    cpu: 'a <good> one',
    cores: 2,
    memoryBytes: 8e9,
    platform: 'linux x64',
    node: 'v24',
    mongodb: '6.0.5',
    source: null,
    postgresql: '18.4',
    settings: { fsync: 'on', synchronous_commit: 'on' },
  },
  measuredAt: '2026-11-21T17:00:00.000Z',
  repeats: 1,
  sections: [section],
}

describe('the table of a benchmark', () => {
  it('says what was measured, how fast it was, what it took, and what cannot be beaten', () => {
    expect(renderBench(report)).toBe(`Measured on 2026-11-21, each thing once
  2 × a <good> one, 8.0 GB of memory, linux x64
  Node v24, MongoDB 6.0.5, PostgreSQL 18.4
  fsync = on, synchronous_commit = on

users: 1,000,000 rows, 262.0 MB of BSON from the server

                                       seconds   rows/s  × sequential  time ÷ reference  time ÷ limit   verified
  sequential                              6.00  166,667          1.00              1.25          0.80  1,000,000
  2 threads                               4.00  250,000          1.50              1.25          0.80  1,000,000
  2 processes                             4.00  250,000          1.50              1.25          0.80  1,000,000
  row INSERT, scaled from 16,000 rows   300.00    3,333          1.50              1.25          0.80         no

               start  copy  read  transform  encode  write  commit  index                  memory   CPU  MongoDB  PostgreSQL  cores left
  sequential    0.25  3.00  0.50       0.00    0.75   1.50    0.25   0.50                181.0 MB  3.50     1.00        2.00        1.25
  2 threads     0.25  3.00  0.50       0.00    0.75   1.50    0.25   0.50                181.0 MB  3.50     1.00        2.00        1.25
  2 processes   0.25  3.00  0.50       0.00    0.75   1.50    0.25   0.50  100.0 MB + 2 × 80.0 MB  3.50     1.00        2.00        1.25

  limits                              seconds   rows/s  MB/s    memory   CPU
  (a) raw read, 1 connection             3.00  333,333  86.7  150.0 MB  1.00
  (a) raw read, 2 connections            2.00  500,000   130  150.0 MB  1.00
  (b) ready-made COPY, 2 connections     3.00  333,333  86.7  150.0 MB  1.00
  (c) fastest (a) + (b)                  5.00  200,000
  (d) reference loop, 2 threads          3.20  312,500  81.3  150.0 MB  1.00
  limit: (c); reference: (d), from its process’s start to the built key`)
  })

  it('shows sizes of batches where there are several, the spread of repeats, and no column without a figure', () => {
    const bare = { timesReference: null, timesLimit: null, serverCpu: null, coresLeft: null, processes: null }
    const measurements = [
      { ...sequential, ...bare, allSeconds: [6, 5.5, 7] },
      { ...threads, ...bare, batchRows: 2000, allSeconds: [4, 3.5, 4.25] },
    ]
    const special = { name: 'far', note: 'a long way', source: 'dump', limits: null, measurements } as const
    const lines = renderBench({ ...report, repeats: 3, sections: [{ ...section, ...special }] }).split('\n')
    expect(lines.slice(5)).toEqual([
      'far: users, 1,000,000 rows, 262.0 MB of BSON from a BSON dump',
      '  a long way',
      '',
      '                                seconds    from – to   rows/s  × sequential   verified',
      '  sequential, batches of 8,000     6.00  5.50 – 7.00  166,667          1.00  1,000,000',
      '  2 threads, batches of 2,000      4.00  3.50 – 4.25  250,000          1.50  1,000,000',
      '',
      '                                start  copy  read  transform  encode  write  commit  index    memory   CPU',
      '  sequential, batches of 8,000   0.25  3.00  0.50       0.00    0.75   1.50    0.25   0.50  180.0 MB  3.50',
      '  2 threads, batches of 2,000    0.25  3.00  0.50       0.00    0.75   1.50    0.25   0.50  180.0 MB  3.50',
    ])
  })
})

describe('the table of a source of SQL', () => {
  it('has other programs beside drover, and time against each of them', () => {
    const own = { ...threads, timesReference: null, timesLimit: null, processes: null, stages: null }
    const beside: readonly Beside[] = [
      {
        name: 'raw read',
        does: 'reads',
        version: null,
        seconds: 1,
        allSeconds: [1],
        rows: 1_000_000,
        peakRssBytes: null,
      },
      {
        name: 'pgloader',
        does: 'does all of it',
        version: 'pgloader 3.6.9',
        seconds: 16,
        allSeconds: [16],
        rows: 999_999,
        peakRssBytes: 600_000_000,
      },
    ]
    const surroundings = { ...report.surroundings, mongodb: null, source: 'SQLite 3.53.4' }
    const shown = { ...section, limits: null, measurements: [own], beside }
    const lines = renderBench({ ...report, surroundings, sections: [shown] }).split('\n')
    expect(lines[2]).toBe('  Node v24, SQLite 3.53.4, PostgreSQL 18.4')
    expect(lines.slice(5)).toEqual([
      'users: 1,000,000 rows, 262.0 MB from the server',
      '',
      '             seconds   rows/s  × sequential  time ÷ raw read  time ÷ pgloader   verified',
      '  2 threads     4.00  250,000          1.50             4.00             0.25  1,000,000',
      '',
      '  beside    seconds     rows/s    memory  rows found',
      '  raw read     1.00  1,000,000         –   1,000,000',
      '  pgloader    16.00     62,500  600.0 MB     999,999',
      '  raw read: reads',
      '  pgloader: does all of it (pgloader 3.6.9)',
    ])
  })
})

describe('the chart', () => {
  it('has a bar for each way and each limit, as long as it is fast', () => {
    const svg = drawChart(report, section)
    const bars = [...svg.matchAll(/end">([^<]+)<\/text><rect class="(\w+)".*? width="(\d+)".*?<text [^>]+>([^<]+)/g)]
    expect(bars.map(([, ...bar]) => bar.join(' | '))).toEqual([
      'raw read | limit | 370 | 500,000 (2.0 s)',
      'ready-made COPY | limit | 247 | 333,333 (3.0 s)',
      'reference loop | limit | 231 | 312,500 (3.2 s)',
      'drover, threads | drover | 185 | 250,000 (4.0 s)',
      'drover, processes | drover | 185 | 250,000 (4.0 s)',
      'drover, sequential | drover | 123 | 166,667 (6.0 s)',
      'row INSERT | other | 2 | 3,333 (300 s)',
    ])
    expect(svg).toContain('2 × a &lt;good&gt; one, MongoDB 6.0.5, PostgreSQL 18.4, measured on 2026-11-21')
  })
})
