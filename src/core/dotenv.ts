import { DroverError } from './errors.ts'

/**
 * Reads a dotenv file: `NAME=value` a line, `export` before it allowed, `#` begins a comment at the start of a line or
 * behind a space. Values may stand in single quotes (as they are), or double quotes (`\n`, `\t`, `\"`, `\\`), also over
 * several lines. A `#` inside an unquoted value belongs to it, unlike in `util.parseEnv`, which would cut a password
 * short. Throws `invalid-config` with the line, never with its content.
 */
export function parseEnvFile(content: string, path: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>()
  const rest = content.replace(/^\uFEFF/, '').replaceAll(/\r\n?/g, '\n')
  const line =
    /[ \t]*(?:#[^\n]*|(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.]*)[ \t]*=[ \t]*(?:'([^']*)'|"((?:[^"\\]|\\[^])*)"|([^'"\n][^\n]*)?)[ \t]*(?:(?<=['" \t])#[^\n]*)?)?(?:\n|$)/y
  while (line.lastIndex < rest.length) {
    const start = line.lastIndex
    const found = line.exec(rest)
    if (found === null) {
      const number = rest.slice(0, start).split('\n').length
      throw new DroverError('invalid-config', `${path} line ${number} is not NAME=value`, {
        hint: 'put values with quotes or line breaks in them into single or double quotes',
      })
    }
    const [, name, single, double, plain] = found
    if (name !== undefined) values.set(name, single ?? unescaped(double) ?? uncommented(plain))
  }
  return values
}

function uncommented(plain: string | undefined): string {
  return (plain ?? '').replace(/(?:^|[ \t])#.*$/, '').trim()
}

function unescaped(double: string | undefined): string | undefined {
  const letters: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' }
  return double?.replaceAll(/\\([^])/g, (whole, letter: string) =>
    /["\\$]/.test(letter) ? letter : (letters[letter] ?? whole),
  )
}
