import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { serialize } from 'bson'
import { describe, expect, it } from 'vitest'
import { withSlowCommits } from '../../../src/devkit/bench-cases.ts'
import { writeDump } from '../../../src/devkit/bench-dump.ts'
import { moveAway } from '../../../src/devkit/bench-far-proxy.ts'
import { compared, type Bare } from '../../../src/devkit/bench-measure.ts'
import { parseStat } from '../../../src/devkit/bench-processes.ts'
import { medianBySeconds, type Limits } from '../../../src/devkit/bench-report.ts'
import { literal } from '../../../src/devkit/insert-loop.ts'
import { scaledRows, shapes } from '../../../src/devkit/shapes/shapes.ts'
import { temporaryFolder } from '../../support/dump.ts'

const bare: Bare = {
  mode: 'threads',
  workers: 2,
  batchRows: 8000,
  seconds: 3,
  allSeconds: [3],
  startSeconds: 0.2,
  copySeconds: 2,
  stages: null,
  rows: 1000,
  rowsPerSecond: 333,
  peakRssBytes: null,
  processes: null,
  cpuSeconds: null,
  serverCpu: null,
  coresLeft: null,
  rowsVerified: 1000,
  scaledFromRows: null,
}

const copied = { connections: 2, rows: 1000, bytes: 1, peakRssBytes: 1, cpuSeconds: 1 }

describe('what is measured several times', () => {
  it('counts with its median, and keeps all of them in their order', () => {
    const runs = [4, 1, 2].map((seconds) => ({ seconds, run: `took ${seconds}` }))
    const [first, ...others] = runs
    expect(medianBySeconds([first ?? { seconds: 0, run: '' }, ...others])).toEqual({
      seconds: 2,
      run: 'took 2',
      allSeconds: [4, 1, 2],
    })
  })

  it('is a speed beside sequential mode, and a time beside the limits', () => {
    const limits: Limits = {
      rawRead: [],
      readyCopy: { ...copied, seconds: 1.5, allSeconds: [1.5] },
      seconds: 1.5,
      reference: { ...copied, seconds: 2.5, allSeconds: [2.5] },
    }
    expect(compared([bare], { sequentialSeconds: 6, limits })).toEqual([
      { ...bare, timesSequential: 2, timesReference: 1.2, timesLimit: 2 },
    ])
    expect(compared([bare], { sequentialSeconds: 3, limits: null })).toMatchObject([
      { timesSequential: 1, timesReference: null, timesLimit: null },
    ])
  })
})

describe('rows of a workload', () => {
  it('are as many as of users, unless they are large', () => {
    expect(scaledRows(shapes.users, 1_000_000)).toBe(1_000_000)
    expect(scaledRows(shapes.orders, 1_000_000)).toBe(1_000_000)
    expect(scaledRows(shapes.huge, 1_000_000)).toBe(260)
    expect(scaledRows(shapes.huge, 1)).toBe(1)
  })

  it('are written to a dump one behind the other', async () => {
    await using folder = temporaryFolder()
    const path = join(folder.path, 'below', 'orders.bson')
    // More than one piece of the file.
    const rows = 1200
    await writeDump(path, shapes.orders, { rows, rngSeed: 42 }, new AbortController().signal)
    const documents = Array.from({ length: rows }, (_, index) => serialize(shapes.orders.document(index, 42)))
    expect(Buffer.compare(await readFile(path), Buffer.concat(documents))).toBe(0)
  })
})

describe('a process of Linux', () => {
  const line = (name: string): string =>
    `4711 (${name}) S 12 4711 4711 0 -1 4194560 9 8 7 6 150 50 30 20 20 0 1 0 4595074 231428096\n`

  it('tells its parent, its time and that of its ended children, whatever its name', () => {
    const told = { parent: 12, seconds: 2, endedSeconds: 0.5 }
    expect(parseStat(line('postgres'), 'postgres')).toEqual(told)
    expect(parseStat(line('mongod-6.0.5 ) 1'), 'mongod')).toEqual(told)
  })

  it('is not taken for another program, nor another text for a process', () => {
    expect(parseStat(line('systemd'), 'postgres')).toBeNull()
    expect(parseStat('', 'postgres')).toBeNull()
  })
})

describe('text of SQL', () => {
  it.each([
    [null, 'null'],
    [12.5, '12.5'],
    [NaN, "'NaN'"],
    [true, "'true'"],
    ["it's", "'it''s'"],
    [new Date(0), "'1970-01-01T00:00:00.000Z'"],
    [Uint8Array.of(1, 255), String.raw` E'\\x01ff'`],
    [['a', 'b"c', 'd\\e', null], String.raw` E'{"a","b\\"c","d\\\\e",NULL}'`],
  ])('of %o is %s', (value, text) => {
    expect(literal(value)).toBe(text)
  })
})

describe('slow commits', () => {
  it('are settings of the session, behind those that the address has', () => {
    const slow = '-c commit_delay=50000 -c commit_siblings=0'
    const options = (to: string): string | null => new URL(withSlowCommits(to)).searchParams.get('options')
    expect(options('postgres://a:b@host/db')).toBe(slow)
    expect(options('postgres://host/db?options=-c%20work_mem%3D64MB')).toBe(`-c work_mem=64MB ${slow}`)
    expect(withSlowCommits('postgres://host/db')).not.toContain('+')
  })
})

describe('a far server', () => {
  it('gets and sends every byte in its order, more of them than may be under way at once, and the end', async () => {
    const server = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    await using far = await moveAway(`postgres://127.0.0.1:${(server.address() as AddressInfo).port}/db`, 2)
    const sent = Buffer.alloc(10 * 1024 * 1024)
    for (let at = 0; at < sent.length; at += 4) sent.writeUInt32BE(at, at)
    const client = connect({ port: Number(new URL(far.url).port), host: '127.0.0.1' })
    client.end(sent)
    expect(Buffer.compare(await buffer(client), sent)).toBe(0)
    server.close()
  })
})
