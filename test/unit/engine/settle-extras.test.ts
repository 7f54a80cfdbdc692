import { describe, expect, it } from 'vitest'
import type { ColumnStructure, IndexStructure, TableStructure } from '../../../src/connectors/structure.ts'
import type { TablePlan } from '../../../src/core/plan.ts'
import { settleExtras } from '../../../src/engine/settle-extras.ts'
import { settleStructure } from '../../../src/engine/settle-structure.ts'
import type { Structured } from '../../../src/engine/structured.ts'

const sqlite = { dialect: 'sqlite', maxNameBytes: 63, accepts: 'sqlite', formatFor: () => 'sqlite' as const } as const
const column = { declared: '', required: true, default: null, identity: null, generated: null }

function table(source: string, plan: Partial<TablePlan>, structure: Partial<TableStructure>): Structured {
  const columns = ['id', 'name'].map((name) => ({ field: name, name, type: 'text' as const, cast: false }))
  const sample = { rows: 0, bytes: 0, complete: true, damaged: 0, failed: null, fields: [], more: false }
  const layout = {
    format: 'pgcopy' as const,
    raw: false,
    key: [0],
    columns: columns.map(({ name, type }) => ({ field: name, type })),
  }
  return {
    plan: {
      source,
      target: { schema: 'main', name: source },
      columns,
      key: ['id'],
      ignore: [],
      nestedJson: 'plain',
      schemaVersion: 1,
      ...plan,
    },
    structure: {
      layout,
      sample,
      columns: columns.map(({ name }): ColumnStructure => ({ ...column, field: name })),
      key: ['id'],
      checks: [],
      indexes: [],
      references: [],
      native: null,
      notes: [],
      warnings: [],
      reading: { notes: [], warnings: [] },
      ...structure,
    },
  }
}

function index(name: string, sql: string, rest: Partial<IndexStructure> = {}): IndexStructure {
  const part = {
    expression: { dialect: 'postgres' as const, sql },
    field: sql,
    descending: false,
    collation: 'default',
  }
  const field = /^\w+$/.test(sql) ? sql : null
  return { name, unique: false, parts: [{ ...part, field }], where: null, ...rest }
}

describe('indexes of PostgreSQL in a SQLite file', () => {
  const clients = table(
    'clients',
    {},
    {
      indexes: [
        index('a', 'name', { unique: true, own: ['include (id)', 'nulls not distinct'] }),
        index('b', 'lower(name)'),
        index('c', 'name', { method: 'gin' }),
      ],
    },
  )
  const options = { fields: ['name'], table: 'clients', referencedFields: ['name'], options: '', orphans: null }
  const orders = table('orders', {}, { references: [{ name: 'of_client', ...options }] })
  const settled = (indexes: boolean) => {
    return settleExtras([clients, orders], sqlite, { indexes: () => indexes, taken: new Set() })
  }

  it('are built of columns, and what is left out is told', () => {
    expect(settled(true).get('clients')?.indexes).toMatchObject([
      { name: 'a', unique: true, text: { kind: 'index', sql: '("name")' } },
    ])
    expect(settled(true).get('clients')?.warnings).toEqual([
      'index a of clients is built without what the target has not: include (id), nulls not distinct',
      'index b of clients is not built: expressions of postgres are not translated for sqlite',
      'index c of clients is not built: it is a gin index, which the target has not',
    ])
  })

  it('let references be made to what they make unique', () => {
    expect(settled(true).get('orders')).toMatchObject({ references: [{ name: 'of_client' }], warnings: [] })
    expect(settled(false).get('orders')?.warnings).toEqual([
      'the reference from name of orders to clients is not built: name of clients is not unique',
    ])
  })
})

describe('a sequence that may not be read', () => {
  const unread = { code: 'missing-right' as const, message: 'this user may not read the sequence s' }
  const numbered = { ...column, field: 'id', identity: { always: false, reached: null, unread } }

  it('is told of where its column is copied', () => {
    const { plan, structure } = table('clients', {}, { columns: [numbered] })
    expect(settleStructure({ plan, structure }, sqlite, true).warnings).toEqual([
      'clients: this user may not read the sequence s, so the numbers of "id" go on behind those of the rows',
    ])
    expect(settleStructure({ plan: { ...plan, columns: [] }, structure }, sqlite, true).warnings).toEqual([])
  })

  it('refuses a table that is made with it', () => {
    const type = { type: 'text', clauses: '', computed: false, fields: [], statements: [] }
    const native = {
      columns: new Map([['id', type]]),
      constraints: [],
      key: null,
      indexes: [],
      suffix: '',
      statements: [],
      sequences: [],
      binary: new Set('text'),
      unread: [{ column: 'id', error: unread }],
    }
    const { plan, structure } = table('clients', {}, { columns: [numbered], native })
    const as = (name: string | undefined) => {
      const columns = plan.columns.map((own) => ({ ...own, native: name }))
      return { plan: { ...plan, columns }, structure }
    }
    const settle = (of: Structured) => settleStructure(of, { ...sqlite, dialect: 'postgres' }, true)
    expect(() => settle(as('text'))).toThrow(unread.message)
    expect(settle(as(undefined)).plan.definition?.columns).toEqual([{ name: 'id', type: null, clauses: '' }])
  })
})
