import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { expect, it } from 'vitest'
import { openTarget } from '../../../src/catalog.ts'
import type { MigrationId } from '../../../src/connectors/ledger-contract.ts'
import { fromErrorShape, toErrorShape } from '../../../src/core/errors.ts'
import { freshPostgres } from '../../support/databases.ts'

const never = new AbortController().signal

it('a server that has no connection left says so in a form that the cluster understands', async () => {
  await using database = await freshPostgres()
  const owner = new pg.Client({ connectionString: database.url })
  await owner.connect()
  const role = `limited_${randomBytes(6).toString('hex')}`
  await owner.query(`create role ${role} login password 'limited' connection limit 1`)
  try {
    const url = new URL(database.url)
    url.username = role
    url.password = 'limited'
    await using target = await openTarget(url.href, { ledgerSchema: 'drover', environment: {} })
    const options = { migration: 'one' as MigrationId, epoch: 1 }
    await using writer = await target.openWriter(options, never)
    expect(writer).toBeDefined()
    const error: unknown = await target.openWriter(options, never).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'target-unreachable', shortage: true })
    expect(fromErrorShape(toErrorShape(error))).toMatchObject({ shortage: true })
    url.password = 'guessed'
    await using stranger = await openTarget(url.href, { ledgerSchema: 'drover', environment: {} })
    await expect(stranger.openWriter(options, never)).rejects.toMatchObject({ shortage: false })
  } finally {
    await owner.query(`drop role ${role}`)
    await owner.end()
  }
})
