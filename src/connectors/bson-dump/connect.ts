import { DroverError } from '../../core/errors.ts'
import { DumpSource } from './source.ts'

/**
 * Opens a source on `bson:path`: a folder that mongodump wrote, the folder of one database in it, one `.bson` or
 * `.bson.gz`, or an archive. The path is percent-decoded. Looks at it when first asked something. Throws `invalid-url`.
 */
export async function openDumpSource(url: string): Promise<DumpSource> {
  const path = url.replace(/^bson:(?:\/\/)?/i, '')
  if (path === '') {
    throw new DroverError('invalid-url', `${url} names no dump`, {
      hint: 'write the path of a folder or file behind bson:, as in bson:dump/shop',
    })
  }
  if (path.includes('?')) {
    throw new DroverError('invalid-url', `${url} has options, and a dump has none`, {
      hint: 'a ? in a file name is written %3F',
    })
  }
  const decoded = decode(path, url)
  if (decoded.includes('\0')) {
    throw new DroverError('invalid-url', `the path in ${url} holds a NUL`, { hint: 'no file has one in its name' })
  }
  return new DumpSource(decoded)
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
