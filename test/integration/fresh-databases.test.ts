import { MongoClient } from 'mongodb'
import pg from 'pg'
import { expect, it } from 'vitest'
import { freshMongo, freshPostgres } from '../support/databases.ts'

it('gives databases of their own, and takes them back', async () => {
  const databases = async (url: string): Promise<string[]> => {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    const { rows } = await client.query<{ datname: string }>('select datname from pg_database')
    await client.end()
    return rows.map(({ datname }) => datname)
  }
  let names: string[] = []
  {
    await using postgres = await freshPostgres()
    await using other = await freshPostgres()
    names = [postgres.name, other.name]
    expect(await databases(postgres.url)).toEqual(expect.arrayContaining(names))
    const stays = new pg.Client({ connectionString: postgres.url })
    stays.on('error', () => undefined)
    await stays.connect()
  }
  {
    await using postgres = await freshPostgres()
    expect((await databases(postgres.url)).filter((name) => names.includes(name))).toEqual([])
  }
  let url = ''
  {
    await using mongo = await freshMongo()
    url = mongo.url
    await using client = new MongoClient(url)
    await client.db().collection('users').insertOne({})
    expect(client.db().databaseName).toBe(mongo.name)
  }
  await using client = new MongoClient(url)
  expect(await client.db().collections()).toEqual([])
})
