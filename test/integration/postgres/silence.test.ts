import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { parseAddress } from '../../../src/connectors/postgres/address.ts'
import { openPostgresTarget } from '../../../src/connectors/postgres/connect.ts'
import { Sessions } from '../../../src/connectors/postgres/sessions.ts'
import type { OpenBatch, Target, Writer } from '../../../src/connectors/contract.ts'
import type { MigrationId } from '../../../src/connectors/ledger-contract.ts'
import { lossyProxy, type LossyProxy } from '../../support/lossy-proxy.ts'
import {
  allWritten,
  batchId,
  beginMigration,
  commitRows,
  encoded,
  never,
  plannedOf,
  planOf,
  tuple,
} from '../../support/migration.ts'
import { failure, postgresUnderTest, type PostgresUnderTest } from './postgres-under-test.ts'

const users = planOf('users')
const first = batchId('users', 1, 0)
const silenceMs = 200

interface Through extends AsyncDisposable {
  readonly proxy: LossyProxy
  readonly target: Target
  readonly writer: Writer
}

/** A writer of a migration that has begun, behind a proxy. */
async function writeThrough(under: PostgresUnderTest, connectSeconds = 30): Promise<Through> {
  await using stack = new AsyncDisposableStack()
  const begun = stack.use(await beginMigration(under.target, 'm', [plannedOf(users)]))
  const proxy = stack.use(await lossyProxy(under.url))
  const url = new URL(proxy.url)
  url.searchParams.set('connect_timeout', String(connectSeconds))
  const target = stack.use(await openPostgresTarget(url.href, { ledgerSchema: 'drover', silenceMs }))
  const options = { migration: 'm' as MigrationId, epoch: begun.lease.epoch }
  const writer = stack.use(await target.openWriter(options, never))
  const resources = stack.move()
  return { proxy, target, writer, [Symbol.asyncDispose]: () => resources.disposeAsync() }
}

async function claim(writer: Writer): Promise<OpenBatch> {
  const opened = await writer.begin(first, users, never)
  if ('committed' in opened) throw new Error('committed already')
  return opened
}

describe('a connection that goes silent', () => {
  it('in the middle of a COPY, with the server gone from the net: the batch fails, and may pass', async () => {
    await using under = await postgresUnderTest()
    await using through = await writeThrough(under, 2)
    await using open = await claim(through.writer)
    through.proxy.mute()
    const error = await failure(open.write([encoded([tuple('a', 1)])]))
    expect(error).toMatchObject({ code: 'target-failed', message: expect.stringContaining('silent') })
    expect(through.target.classify(error)).toBe('transient')
  })

  it('with nothing received of what was sent: the batch fails, and can begin again at once', async () => {
    await using under = await postgresUnderTest()
    await using through = await writeThrough(under)
    through.proxy.muteAfter('begin')
    const error = await failure(claim(through.writer))
    expect(through.target.classify(error)).toBe('transient')
    await commitRows(through.writer, first, [tuple('a', 1)])
    expect(await under.sql('select _id from users')).toEqual([{ _id: 'a' }])
  })

  it('with the server waiting for the rows of a COPY: the same', async () => {
    await using under = await postgresUnderTest()
    await using through = await writeThrough(under)
    const open = await claim(through.writer)
    through.proxy.muteAfter('copy ')
    const error = await failure(open.write([encoded([tuple('a', 1)])]))
    expect(error).toMatchObject({ message: expect.stringContaining('silent') })
    expect(through.target.classify(error)).toBe('transient')
    await commitRows(through.writer, first, [tuple('b', 2)])
    expect(await under.sql('select _id from users')).toEqual([{ _id: 'b' }])
  })

  it('before the answer to COMMIT: the outcome is unknown, and beginning again tells', async () => {
    await using under = await postgresUnderTest()
    await using through = await writeThrough(under)
    const open = await claim(through.writer)
    await open.write([encoded([tuple('a', 1)])])
    through.proxy.muteAfter('commit')
    const error = await failure(open.commit(allWritten(1), 1))
    expect(through.target.classify(error)).toBe('unknown')
    expect(await through.writer.begin(first, users, never)).toEqual({ committed: allWritten(1) })
    expect(await under.target.count(users.target, never)).toBe(1)
  })

  it('because the server works for long: it is waited for', async () => {
    await using under = await postgresUnderTest()
    await using through = await writeThrough(under)
    const open = await claim(through.writer)
    const before = through.proxy.taken
    {
      await using kept = new AsyncDisposableStack()
      kept.use(await under.lock('users'))
      const writing = open.write([encoded([tuple('a', 1)])])
      // Each look from the side is a connection.
      while (through.proxy.taken < before + 3) await under.untilSomebodyWaits()
      await kept.disposeAsync()
      expect(await writing).toMatchObject({ written: 1 })
    }
    await open.commit(allWritten(1), 1)
    expect(await under.target.count(users.target, never)).toBe(1)
  })
})

describe('a server that accepts and never answers', () => {
  it('is unreachable after the time for connecting', async () => {
    const sockets = new Set<AsyncDisposable & { destroy(): void }>()
    await using server = createServer((socket) => void sockets.add(socket)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    for (const mode of ['disable', 'require']) {
      const url = `postgres://u@127.0.0.1:${port}/db?connect_timeout=1&sslmode=${mode}`
      await using target = await openPostgresTarget(url, { ledgerSchema: 'drover' })
      const error = await failure(target.check([], never))
      expect(error).toMatchObject({
        code: 'target-unreachable',
        message: expect.stringContaining('no answer within 1 s'),
      })
      expect(target.classify(error)).toBe('transient')
    }
    for (const socket of sockets) socket.destroy()
  })
})

describe('an idle session that the server ends', () => {
  it('says so to whoever asks, and to nobody else', async () => {
    await using under = await postgresUnderTest()
    await using sessions = new Sessions(parseAddress(under.url, {}), {})
    await using session = await sessions.open(never)
    const lost = once(session.lost, 'abort')
    await session.run(`set idle_in_transaction_session_timeout = '10ms'; begin`)
    await lost
    expect(session.lost.reason).toMatchObject({ code: '25P03' })
    expect(session.usable).toBe(false)
  })
})
