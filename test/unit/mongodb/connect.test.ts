import { describe, expect, it } from 'vitest'
import { openMongoSource } from '../../../src/connectors/mongodb/connect.ts'

describe('URL of a MongoDB source', () => {
  it('becomes a name without secrets', async () => {
    await using source = await openMongoSource('mongodb://ann:s3cret-word@one:1,two:2/shop%20x?replicaSet=rs0')
    expect(source.name).toBe('mongodb://one:1,two:2/shop x')
    await using hosted = await openMongoSource('mongodb+srv://ann:s3cret-word@cluster.example.com/shop')
    expect(hosted.name).toBe('mongodb+srv://cluster.example.com/shop')
  })

  it.each(['mongodb://host', 'mongodb://host:1/', 'mongodb://u:p%2Fw@host?readPreference=nearest'])(
    'must name a database: %s',
    async (url) => {
      await expect(openMongoSource(url)).rejects.toMatchObject({ code: 'invalid-url', message: /names no database/ })
    },
  )

  it.each([
    ['mongodb://u:s3cret-word@host/db?readPreferense=nearest', 'readPreferense'],
    ['mongodb://u:s3cret-word@host/db?readPreference=bogus', 'bogus'],
    ['mongodb://u:s3cret-word/x@host/db', 'unescaped'],
    ['mongodb://u:s3cret-word@x@host/db', 'refused'],
  ])('is refused with the reason, and without its password: %s', async (url, reason) => {
    const error: unknown = await openMongoSource(url).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'invalid-url' })
    expect(error).not.toHaveProperty('cause')
    expect(String(error)).toContain(reason)
    expect(String(error)).not.toContain('s3cret')
  })
})
