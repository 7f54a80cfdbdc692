import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DroverError } from '../../core/errors.ts'
import type { Address, Environment } from './address.ts'
import { codeOf } from './errors.ts'

/** Place of the password in a line, behind host, port, database and user. */
const passwordAt = 4

/**
 * The password that `.pgpass` holds for an address, null for none. The file and its rules are libpq's
 * (https://www.postgresql.org/docs/current/libpq-pgpass.html): `host:port:database:user:password` on a line, `*` for
 * anything, `\` before `:` and `\`, and the first line that fits. Throws `target-login-refused` where others may read it.
 */
export async function passwordFromFile(address: Address, environment: Environment): Promise<string | null> {
  const path = fileOf(environment)
  if (path === null) return null
  const text = await readPrivate(path)
  if (text === null) return null
  const host = address.host.startsWith('/') ? 'localhost' : address.host
  const wanted = [host, String(address.port), address.database, address.user]
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith('#')) continue
    const fields = fieldsOf(line)
    const password = fields[passwordAt]
    if (
      password !== undefined &&
      wanted.every((value, i) => fields[i] === '*' || unescape(fields[i] ?? '') === value)
    ) {
      return unescape(password)
    }
  }
  return null
}

function fileOf(environment: Environment): string | null {
  if (environment['PGPASSFILE']) return environment['PGPASSFILE']
  if (environment['APPDATA']) return join(environment['APPDATA'], 'postgresql', 'pgpass.conf')
  return environment['HOME'] ? join(environment['HOME'], '.pgpass') : null
}

async function readPrivate(path: string): Promise<string | null> {
  try {
    const { mode } = await stat(path)
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw new DroverError(
        'target-login-refused',
        `the password file ${path} can be read by others, so it is not used`,
        {
          hint: `chmod 600 ${path}`,
        },
      )
    }
    return await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  }
}

/** The four fields before the password, and the password, which keeps any further `:`. A `\` shields what follows it. */
function fieldsOf(line: string): readonly string[] {
  const fields = ['']
  for (let at = 0; at < line.length; at++) {
    const character = line[at] ?? ''
    if (character === ':' && fields.length <= passwordAt) fields.push('')
    else fields[fields.length - 1] += character === '\\' ? character + (line[++at] ?? '') : character
  }
  return fields
}

function unescape(field: string): string {
  return field.replace(/\\(.)/g, '$1')
}
