import { DroverError } from '../core/errors.ts'

/**
 * The path in `sqlite:path`, `sqlite:/path` or `sqlite:///path`, percent-decoded; relative ones as they are. Throws
 * `invalid-url`.
 */
export function sqlitePath(url: string): string {
  const written = /^sqlite:(?:\/\/(?=\/))?(.*)$/is.exec(url)?.[1] ?? ''
  if (written === '' || written.startsWith('//')) {
    throw new DroverError('invalid-url', `${url} names no file`, {
      hint: 'write its path behind sqlite:, as in sqlite:shop.db or sqlite:///var/lib/shop.db',
    })
  }
  if (/[?#]/.test(written)) {
    throw new DroverError('invalid-url', `${url} has options, and a SQLite file has none`, {
      hint: 'a ? in a file name is written %3F, a # %23',
    })
  }
  const path = decoded(written, url)
  if (!path.includes('\0')) return path
  throw new DroverError('invalid-url', `the path in ${url} holds a NUL`, { hint: 'no file has one in its name' })
}

function decoded(path: string, url: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    throw new DroverError('invalid-url', `the path in ${url} is not percent-encoded`, {
      hint: 'a % in a file name is written %25',
    })
  }
}
