import { inspect } from 'node:util'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { DroverError } from '../../../src/core/errors.ts'
import {
  changedTable,
  classifyFault,
  isOutcomeUnknown,
  rejectedIndex,
  toDroverError,
  UnknownOutcome,
} from '../../../src/connectors/postgres/errors.ts'
import { tightest } from '../../../src/connectors/postgres/check.ts'
import { acceptedTypes, maxCharactersOf, nativeType } from '../../../src/connectors/postgres/types.ts'
import { scalarTypes, type LogicalType } from '../../../src/core/logical-type.ts'

function serverError(code: string, message = 'refused', where?: string): pg.DatabaseError {
  return Object.assign(new pg.DatabaseError(message, 0, 'error'), { code, where })
}

function networkError(code: string): Error {
  return Object.assign(new Error(code), { code })
}

describe('classifyFault', () => {
  const transient = ['40001', '40P01', '55P03', '57014', '57P01', '57P03', '08006', '53100', '53300', '25P03', '25006']
  const data = ['22021', '22003', '22P02', '22P05', '23502', '23505', '23514', '54000', '54001', 'P0001']
  const fatal = ['22P03', '22P04', '08P01', '21000', '42501', '42P01', '0A000', '28P01', '57P04', 'XX000']
  it.each(transient)('%s is transient', (code) => expect(classifyFault(serverError(code))).toBe('transient'))
  it.each(data)('%s is the data’s', (code) => expect(classifyFault(serverError(code))).toBe('data'))
  it.each(fatal)('%s is fatal', (code) => expect(classifyFault(serverError(code))).toBe('fatal'))

  it('knows a full disk by its text', () => {
    expect(classifyFault(serverError('XX000', 'could not extend file "x": File too large'))).toBe('transient')
  })

  it('knows a number that no numeric was before PostgreSQL 14', () => {
    expect(classifyFault(serverError('22P03', 'invalid sign in external "numeric" value'))).toBe('data')
  })

  it('takes a broken network and an error without a code for transient', () => {
    for (const code of ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOENT']) {
      expect(classifyFault(networkError(code))).toBe('transient')
    }
    expect(classifyFault(new Error('Connection terminated unexpectedly'))).toBe('transient')
  })

  it('takes our own bugs and bad certificates for fatal', () => {
    expect(classifyFault(new TypeError('x is undefined'))).toBe('fatal')
    expect(classifyFault(networkError('CERT_HAS_EXPIRED'))).toBe('fatal')
    expect(classifyFault('text')).toBe('fatal')
    expect(classifyFault(new Error('The server does not support SSL connections'))).toBe('fatal')
  })

  it('looks through a DroverError', () => {
    const wrapped = (error: Error): Error => toDroverError(error, 'commit')
    expect(classifyFault(wrapped(serverError('40001')))).toBe('transient')
    expect(classifyFault(wrapped(serverError('42P01')))).toBe('fatal')
    expect(classifyFault(wrapped(networkError('ECONNRESET')))).toBe('transient')
    expect(classifyFault(wrapped(wrapped(serverError('22003'))))).toBe('data')
    expect(classifyFault(new DroverError('row-rejected', 'no'))).toBe('data')
    expect(classifyFault(new DroverError('lease-lost', 'no', { cause: networkError('EPIPE') }))).toBe('fatal')
    expect(classifyFault(new DroverError('target-login-refused', 'no', { cause: new Error('SASL') }))).toBe('fatal')
  })
})

describe('an outcome that is not known', () => {
  it('is that of a COMMIT whose connection is lost', () => {
    const lost = [
      new Error('Connection terminated'),
      networkError('ECONNRESET'),
      serverError('57P01'),
      serverError('08006'),
    ]
    for (const error of lost) expect(isOutcomeUnknown(error)).toBe(true)
    expect(classifyFault(toDroverError(new UnknownOutcome(new Error('gone')), 'commit'))).toBe('unknown')
  })

  it('is none where the server says that it has rolled back, nor where we are at fault', () => {
    for (const error of [serverError('40001'), serverError('23505'), serverError('53100'), new TypeError('x'), 'x']) {
      expect(isOutcomeUnknown(error)).toBe(false)
    }
  })
})

describe('a table that somebody changes', () => {
  it.each(['42P01', '42703', '42804', '42809', '42P10', '3F000'])('%s is drift, and names the table', (code) => {
    const error = changedTable(serverError(code), 'public.users')
    expect(error).toMatchObject({ code: 'schema-drift', hint: expect.any(String) })
    expect(error?.message).toContain('table public.users was changed while it was copied')
    expect(classifyFault(error)).toBe('drift')
  })

  it('is not what other errors tell of', () => {
    for (const error of [serverError('22003'), serverError('42501'), networkError('EPIPE'), new Error('x')]) {
      expect(changedTable(error, 'users')).toBeNull()
    }
  })
})

describe('toDroverError', () => {
  it('says what is wrong with this machine', () => {
    const error = toDroverError(networkError('EMFILE'), 'commit')
    expect(error).toMatchObject({ code: 'target-failed', hint: expect.stringContaining('ulimit -n') })
    expect(classifyFault(error)).toBe('fatal')
    expect(toDroverError(networkError('ENOSPC'), 'commit')).toMatchObject({ hint: expect.stringContaining('disk') })
    expect(toDroverError(serverError('42501'), 'commit')).toMatchObject({ code: 'missing-right' })
  })

  it('keeps the values of rows out of its causes', () => {
    const canary = 'canary-va1ue'
    const secret = Object.assign(serverError('23502', 'null value'), {
      detail: `row (${canary})`,
      where: `line 1: ${canary}`,
    })
    const error = toDroverError(secret, 'write')
    expect(error.cause).toMatchObject({ code: '23502', message: 'null value' })
    expect(inspect(error, { depth: 9 })).not.toContain(canary)
  })
})

describe('rejectedIndex', () => {
  it.each([
    ['COPY users, line 3, column n', 2],
    ['COPY users, line 1', 0],
    ['SQL statement "x"\nPL/pgSQL function f() line 9 at RAISE\nCOPY users, line 4', 3],
    ['COPY users, line 11', null],
    ['COPY users, Zeile 3', null],
    ['PL/pgSQL function f() line 3 at RAISE', null],
    [undefined, null],
  ])('%s', (where, index) => {
    expect(rejectedIndex(serverError('22003', 'x', where), 'users', 10)).toBe(index)
  })

  it('is not misled by the name of the table', () => {
    const error = serverError('22003', 'x', 'COPY t, line 5, line 2, column a')
    expect(rejectedIndex(error, 't, line 5', 10)).toBe(1)
  })
})

describe('tightest', () => {
  it('answers the bound that leaves fewest', () => {
    expect(
      tightest([
        { limit: 97, inUse: 40 },
        { limit: null, inUse: 9 },
        { limit: 10, inUse: 4 },
      ]),
    ).toEqual({ limit: 10, inUse: 4, free: 6 })
    expect(tightest([{ limit: 3, inUse: 5 }])).toEqual({ limit: 3, inUse: 5, free: 0 })
  })
})

describe('types', () => {
  const all: readonly LogicalType[] = [...scalarTypes, ...scalarTypes.map((type): LogicalType => `${type}[]`), 'json']
  it('has a native type for each', () => {
    for (const type of all) expect(nativeType(type)).toMatch(/^[a-z ]+(\[\])?$/)
    expect(nativeType('decimal[]')).toBe('numeric[]')
  })

  it('takes nothing where the column would round, cut or convert', () => {
    expect(acceptedTypes({ type: 'numeric', modifier: 655366 })).toEqual([])
    expect(acceptedTypes({ type: 'varchar', modifier: 14 })).toEqual(['text'])
    expect(acceptedTypes({ type: 'varchar', modifier: 28 })).toEqual(['text', 'objectid'])
    expect(maxCharactersOf({ type: 'varchar', modifier: 14 })).toBe(10)
    expect(maxCharactersOf({ type: 'numeric', modifier: 14 })).toBeNull()
    expect(acceptedTypes({ type: 'timestamptz', modifier: 0 })).toEqual([])
    for (const type of ['bpchar', 'json', 'timestamp', 'int2', 'float4', 'citext', '_varchar', 'constructor']) {
      expect(acceptedTypes({ type, modifier: -1 })).toEqual([])
    }
    expect(acceptedTypes({ type: 'varchar', modifier: -1 })).toEqual(['text', 'objectid'])
  })
})
