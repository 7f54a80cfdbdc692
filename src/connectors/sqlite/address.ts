import { DroverError } from '../../core/errors.ts'

/** The path in a URL `sqlite:`. Throws `invalid-url`. */
export function pathOf(url: string): string {
  const path = url.replace(/^sqlite:/i, '').replace(/^\/{3,4}(?!\/)/, '/')
  if (path === '') {
    throw new DroverError('invalid-url', `${url} names no file`, {
      hint: 'write the path of a database file behind sqlite:, as in sqlite:shop.db',
    })
  }
  if (path.startsWith('//')) {
    throw new DroverError('invalid-url', `${url} names a host, and SQLite is a file`, {
      hint: 'write sqlite:path, or three slashes before an absolute path: sqlite:///data/shop.db',
    })
  }
  if (path.includes('?')) {
    throw new DroverError('invalid-url', `${url} has options, and a SQLite file has none here`, {
      hint: 'a ? in a file name is written %3F',
    })
  }
  const decoded = decode(path, url)
  if (decoded.includes('\0')) {
    throw new DroverError('invalid-url', `the path in ${url} holds a NUL`, { hint: 'no file has one in its name' })
  }
  return decoded
}

function decode(path: string, url: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    throw new DroverError('invalid-url', `the path in ${url} is not percent-encoded`, {
      hint: 'a % in a file name is written %25',
    })
  }
}
