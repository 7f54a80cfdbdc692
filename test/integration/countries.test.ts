import { readFileSync } from 'node:fs'
import type { Country } from 'world-countries'
import { describe, expect, it } from 'vitest'
import { databases, type BothDatabases } from '../support/both-databases.ts'
import { migrate } from '../support/migrate.ts'

// A public data set with nested documents, maps, arrays and holes: https://github.com/mledoze/countries
const file = new URL(import.meta.resolve('world-countries/countries.json'))
const countries = JSON.parse(readFileSync(file, 'utf8')) as readonly Country[]

/** The numbers of rows that a query counts. */
async function count(both: BothDatabases, from: string): Promise<number> {
  const [row] = await both.sql(`select count(*)::int as n from ${from}`)
  return Number(row?.['n'])
}

async function insertCountries({ db }: BothDatabases): Promise<void> {
  const collection = db.collection<Record<string, unknown> & { _id: string }>('countries')
  await collection.insertMany(countries.map((country) => ({ ...structuredClone(country), _id: country.cca3 })))
  await collection.createIndex({ cca2: 1 }, { unique: true })
  await collection.createIndex({ region: 1, subregion: -1 })
  await collection.createIndex({ borders: 1 })
  await collection.createIndex({ 'name.common': 1 })
  await collection.createIndex({ area: -1 }, { partialFilterExpression: { landlocked: true } })
  await collection.createIndex({ 'translations.deu.common': 1 })
  await collection.createIndex({ latlng: '2d' })
}

describe('the countries of the world', () => {
  it('become a table with flattened names, a child table of borders, and their indexes', async () => {
    await using both = await databases()
    await insertCountries(both)
    const { from, to } = both
    const notices: string[] = []
    const result = await migrate({
      from,
      to,
      nest: { name: 'column', 'name.native': 'jsonb', idd: 'column', borders: 'table' },
      batchRows: 40,
      onNotice: ({ message }) => void notices.push(message),
    })
    const borders = countries.reduce((sum, country) => sum + country.borders.length, 0)
    expect(result).toMatchObject({
      state: 'done',
      error: null,
      totals: { read: countries.length, written: countries.length, derived: borders },
      verification: { equal: true },
    })

    expect(await count(both, 'countries')).toBe(countries.length)
    expect(await count(both, 'countries_borders')).toBe(borders)
    const swiss = await both.sql(
      `select name_common, name_native #>> '{gsw,official}' as native, idd_root, idd_suffixes, landlocked, borders_count,
         currencies -> 'CHF' ->> 'symbol' as symbol, area, latlng, tld
       from countries where _id = 'CHE'`,
    )
    const expected = countries.find(({ cca3 }) => cca3 === 'CHE')
    expect(swiss).toEqual([
      {
        name_common: expected?.name.common,
        native: expected?.name.native['gsw']?.official,
        idd_root: expected?.idd.root,
        idd_suffixes: expected?.idd.suffixes,
        landlocked: expected?.landlocked,
        borders_count: expected?.borders.length,
        symbol: expected?.currencies['CHF']?.symbol,
        area: expected?.area,
        latlng: expected?.latlng,
        tld: expected?.tld,
      },
    ])
    // The same question asked of both: neighbours of neighbours, by the child table and by hand.
    const [largest] = await both.sql(
      `select string_agg(distinct b2.value, ',' order by b2.value) as around
       from countries_borders b1 join countries_borders b2 on b2.countries_id = b1.value
       where b1.countries_id = 'LIE' and b2.value <> 'LIE'`,
    )
    const byCode = new Map(countries.map((country) => [country.cca3, country]))
    const around = new Set(byCode.get('LIE')?.borders.flatMap((code) => byCode.get(code)?.borders ?? []))
    around.delete('LIE')
    expect(largest?.['around']).toBe([...around].toSorted().join(','))

    const indexes = await both.sql(
      `select indexdef from pg_indexes where tablename like 'countries%' and indexname not like '%_pkey' order by indexdef`,
    )
    expect(indexes.map(({ indexdef }) => String(indexdef).replace(/^.*? ON public\./, ''))).toEqual([
      'countries USING btree (area) WHERE (landlocked = true)',
      'countries USING btree (name_common)',
      'countries USING btree (region, subregion DESC)',
      "countries USING btree (((translations #>> '{deu,common}'::text[])))",
      'countries_borders USING btree (value)',
      'countries USING btree (cca2) NULLS NOT DISTINCT',
    ])
    expect(notices.filter((notice) => notice.includes('latlng'))).toHaveLength(1)
  })
})
