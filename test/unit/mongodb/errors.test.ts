import {
  MongoDriverError,
  MongoMissingCredentialsError,
  MongoNetworkError,
  MongoNetworkTimeoutError,
  MongoOperationTimeoutError,
  MongoServerClosedError,
  MongoServerError,
  MongoTopologyClosedError,
} from 'mongodb'
import { describe, expect, it } from 'vitest'
import { classifyFault, toDroverError, type Attempt } from '../../../src/connectors/mongodb/errors.ts'
import { DroverError } from '../../../src/core/errors.ts'

const attempt: Attempt = { source: 'mongodb://host/shop', doing: 'read users', reached: false, filtered: false }
const server = (code: number, message = 'said'): MongoServerError => new MongoServerError({ code, message })

/** The driver's own, which it does not export. */
class MongoPoolClosedError extends MongoDriverError {
  override get name(): string {
    return 'MongoPoolClosedError'
  }
}

describe('errors of MongoDB', () => {
  it.each([43, 237, 11600, 91, 189, 10107, 13435, 10058, 11602, 262, 133, 63, 202])('may pass: %i', (code) => {
    expect(classifyFault(server(code))).toBe('transient')
    expect(classifyFault(new DroverError('source-failed', 'x', { cause: server(code) }))).toBe('transient')
  })

  it('may pass where driver or server say so, whatever their code', () => {
    for (const label of ['RetryableError', 'TransientTransactionError', 'SystemOverloadedError']) {
      const labelled = server(1)
      labelled.addErrorLabel(label)
      expect(classifyFault(labelled)).toBe('transient')
    }
  })

  it.each([
    new MongoNetworkError('gone'),
    new MongoNetworkTimeoutError('silent'),
    new MongoServerClosedError('a member has left the set'),
    new MongoTopologyClosedError('closed'),
    new MongoOperationTimeoutError('timeoutMS of the URL'),
    new MongoPoolClosedError('x'),
  ])('may pass: %s', (error) => {
    expect(classifyFault(error)).toBe('transient')
    expect(classifyFault(toDroverError(error, attempt))).toBe('transient')
  })

  it('may not pass otherwise', () => {
    expect(classifyFault(server(286, 'ResumableChangeStreamError'))).toBe('fatal')
    expect(classifyFault(server(13))).toBe('fatal')
    expect(classifyFault(server(2, 'connection reset'))).toBe('fatal')
    expect(classifyFault(new DroverError('source-failed', 'x'))).toBe('fatal')
    expect(classifyFault(new TypeError('x'))).toBe('fatal')
  })

  it.each([
    [server(18), 'source-login-refused'],
    [server(8000), 'source-login-refused'],
    [new MongoMissingCredentialsError('x'), 'source-login-refused'],
    [server(13), 'missing-right'],
    [new MongoNetworkError('gone'), 'source-unreachable'],
    [Object.assign(new Error('querySrv ENOTFOUND'), { code: 'ENOTFOUND' }), 'source-unreachable'],
    [server(2), 'source-failed'],
    [server(43), 'source-failed'],
  ])('have a code of ours: %s', (error, code) => {
    expect(toDroverError(error, attempt)).toMatchObject({ code, cause: error })
  })

  it('tell a filter that the server refused, and silence in the middle', () => {
    expect(toDroverError(server(2), { ...attempt, filtered: true }).code).toBe('invalid-filter')
    expect(toDroverError(new MongoNetworkError('gone'), { ...attempt, reached: true }).code).toBe('source-failed')
  })

  it('never show the command, nor a password', () => {
    const told = toDroverError(server(13, 'not authorized to execute command { find: "users", filter: {…} }'), attempt)
    expect(told.message).toBe('the user may not read users on mongodb://host/shop')
    const url = toDroverError(server(1, 'at mongodb://u:s3cret-word@host/db'), attempt)
    expect(url.message).not.toContain('s3cret')
  })
})
