import { realpath } from 'node:fs/promises'

/** What tells a file from every other one, whatever path leads to it. A file that is not there yet is like no other. */
export async function identityOf(path: string): Promise<string> {
  return `sqlite:${await realpath(path).catch(() => path)}`
}
