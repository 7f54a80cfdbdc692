import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DroverError, type ErrorCode } from '../../core/errors.ts'
import type { Finding } from '../contract.ts'
import { isSqliteError, toDroverError } from './target-errors.ts'
import type { Connection, DatabaseFile } from './database.ts'

/** Whether drover can create and fill tables in the file, which may still be to be made. Throws `target-unreachable`. */
export async function checkFile(file: DatabaseFile, signal: AbortSignal): Promise<readonly Finding[]> {
  signal.throwIfAborted()
  const folder = dirname(file.path)
  if (!existsSync(folder) || !statSync(folder).isDirectory()) {
    throw new DroverError('target-unreachable', `there is no folder ${folder} for the file ${file.path}`, {
      hint: 'make the folder, or name a file in one that exists',
    })
  }
  const findings: Finding[] = []
  // The log and the lease lie beside the file.
  if (!mayWrite(folder)) findings.push(noRight(`the right to write into the folder ${folder} is missing`))
  if (!file.exists) return findings
  if (!mayWrite(file.path)) findings.push(noRight(`the right to write to ${file.path} is missing`))
  const unusable = await file.read(`open ${file.path}`, null, signal, lookInside)
  return unusable === null ? findings : [...findings, unusable]
}

/** Reading its first page shows whether it is a file of SQLite. */
function lookInside(connection: Connection): Finding | null {
  try {
    const encoding = connection.get<{ encoding: string }>('pragma encoding')?.encoding ?? ''
    connection.get('select 1 from sqlite_schema')
    if (encoding === 'UTF-8') return null
    return error('target-incompatible', `the file keeps texts as ${encoding}`, 'copy into a new file, or one of UTF-8')
  } catch (failure) {
    if (!isSqliteError(failure)) throw failure
    throw toDroverError(failure, 'read the file')
  }
}

function mayWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}

function noRight(message: string): Finding {
  return error('missing-right', message, 'grant it to the user that drover runs as, or name another file')
}

function error(code: ErrorCode, message: string, hint: string): Finding {
  return { level: 'error', error: { code, message, hint } }
}
