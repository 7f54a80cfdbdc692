import { statSync } from 'node:fs'
import type { TextFile } from './config-file.ts'
import { maskUrl, secretsOf } from './core/mask-url.ts'

/** Rights of the group and of everybody else to read. */
const READ_BY_OTHERS = 0o044

/** An option whose value may hold a password, as it was given. */
export interface Address {
  readonly option: string
  readonly url: string
  readonly origin: string
}

/** Passwords that others could read where they were given, one sentence each. */
export function carelessSecrets(addresses: readonly Address[], files: readonly TextFile[]): readonly string[] {
  const inArguments = addresses.filter(({ url, origin }) => origin === 'flag' && maskUrl(url) !== url)
  const secrets = addresses.flatMap(({ url }) => secretsOf(url))
  const open = files.filter(({ path, text }) => secrets.some((secret) => text.includes(secret)) && isOpen(path))
  return [
    ...inArguments.map(({ option }) => {
      const instead = `DROVER_${option.toUpperCase()}, or in a file (--config, --env-file)`
      return `the password of --${option} was an argument: others can see it for a moment, and the shell keeps it; give it in ${instead}`
    }),
    ...open.map(({ path }) => `${path} holds a password and can be read by others: chmod 600 ${path}`),
  ]
}

function isOpen(path: string): boolean {
  // Windows has no such rights; a file that is gone again has none either.
  const found = process.platform === 'win32' ? undefined : statSync(path, { throwIfNoEntry: false })
  return found !== undefined && found.isFile() && (found.mode & READ_BY_OTHERS) !== 0
}
