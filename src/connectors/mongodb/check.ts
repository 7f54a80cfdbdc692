import type { Db, Document } from 'mongodb'
import type { ErrorShape } from '../../core/errors.ts'
import type { Finding, SourceTable } from '../contract.ts'
import { isUnauthorized } from './errors.ts'

/** The first version whose index serves the ranges that partitions are read by. */
const goodMajor = 5
const oldest = [4, 4] as const

/** Version of the server and the right to read. Throws what the driver throws. */
export async function checkServer(db: Db, source: string, tables: readonly SourceTable[]): Promise<readonly Finding[]> {
  const build: Document = await db.command({ buildInfo: 1 }, { readPreference: db.readPreference })
  return [...checkVersion(String(build['version']), source), ...(await checkRight(db, source, tables))]
}

function checkVersion(version: string, source: string): readonly Finding[] {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major >= goodMajor) return []
  const tooOld = major < oldest[0] || (major === oldest[0] && minor < oldest[1])
  const error: ErrorShape = {
    code: 'unsupported-version',
    message: `${source} runs MongoDB ${version}, which ${tooOld ? 'is too old' : 'reads every range from the start'}`,
    hint: 'upgrade the server to 5.0 or later',
  }
  return [{ level: tooOld ? 'error' : 'warning', error }]
}

/** Which tables are wanted is not known here, so that one that can be read is enough. */
async function checkRight(db: Db, source: string, tables: readonly SourceTable[]): Promise<readonly Finding[]> {
  const wanted = tables.filter((table) => table.skipped === null)
  for (const { name } of wanted) {
    try {
      await db.collection(name).findOne({}, { projection: { _id: 1 } })
      return []
    } catch (error) {
      if (!isUnauthorized(error)) throw error
    }
  }
  if (wanted.length === 0) return []
  const message = `the user may read none of the ${wanted.length} collections of ${source}`
  return [{ level: 'error', error: { code: 'missing-right', message, hint: 'grant the role "read" on this database' } }]
}
