import { factIds } from './fact.ts'
import { firstMoment, fiveYears } from './shape.ts'
import { sqlColumns, sqlTable, tableOfDocuments, type SqlRow, type SqlShape } from './sql-table.ts'
import { cities } from './words.ts'

const dayMs = 24 * 3600 * 1000

const fuels: readonly string[] = [
  'coal',
  'gas',
  'oil',
  'wind',
  'solar',
  'water',
  'biomass',
  'nuclear',
  'waste',
  'tide',
  'heat',
  'hydrogen',
]

const names = sqlColumns({ id: 'integer', name: 'text' })

/** A star: measurements that refer to five dimensions, of which the database numbers three and the calendar two. */
export const factTables: SqlShape = {
  main: tableOfDocuments(
    sqlTable(
      'data_fact',
      sqlColumns({
        uuid: 'uuid',
        timestamp: 'time',
        value: 'double',
        fuel_id: 'integer',
        region_id: 'integer',
        power_id: 'integer',
        date_id: 'integer',
        time_id: 'integer',
      }),
      {
        references: ['fuel', 'region', 'power', 'date', 'time'].map((table) => {
          return { column: `${table}_id`, table, key: 'id' }
        }),
        indexes: ['timestamp'],
      },
    ),
  ),
  children: [],
  dimensions: [
    { table: sqlTable('fuel', names, { numbered: true }), rows: fuels.map((name, at) => [at + 1, name]) },
    {
      table: sqlTable('region', names, { numbered: true }),
      rows: numbered(factIds.region, (id) => `${cities[(id - 1) % cities.length]} ${Math.ceil(id / cities.length)}`),
    },
    { table: sqlTable('power', names, { numbered: true }), rows: numbered(factIds.power, (id) => `${id * 5} MW`) },
    {
      table: sqlTable(
        'date',
        sqlColumns({ id: 'integer', name: 'text', year: 'integer', month: 'integer', day: 'integer' }),
      ),
      rows: Array.from({ length: Math.ceil(fiveYears / dayMs) }, (_, day) =>
        dateRow(new Date(firstMoment + day * dayMs)),
      ),
    },
    {
      table: sqlTable('time', sqlColumns({ id: 'integer', name: 'text', hour: 'integer', minute: 'integer' })),
      rows: Array.from({ length: 24 * 60 }, (_, minute) => timeRow(minute)),
    },
  ],
}

function numbered(count: number, nameOf: (id: number) => string): readonly SqlRow[] {
  return Array.from({ length: count }, (_, at) => [at + 1, nameOf(at + 1)])
}

function dateRow(day: Date): SqlRow {
  const name = day.toISOString().slice(0, 10)
  const [year = 0, month = 0, ofMonth = 0] = name.split('-').map(Number)
  return [Number(name.replaceAll('-', '')), name, year, month, ofMonth]
}

function timeRow(id: number): SqlRow {
  const [hour, minute] = [Math.floor(id / 60), id % 60]
  return [id, [hour, minute].map((part) => String(part).padStart(2, '0')).join(':'), hour, minute]
}
