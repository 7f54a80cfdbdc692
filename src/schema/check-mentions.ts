import { DroverError } from '../core/errors.ts'
import type { Choices, Mention } from './choices.ts'
import type { Role } from './lay-out.ts'
import { keyOfPath, type Path, textOfPath } from './path.ts'

/**
 * Every path that an option names must have come to something: nothing may be asked for and silently not done.
 *
 * @throws DroverError `conflicting-options`
 */
export function checkMentions(
  mentions: readonly Mention[],
  { leftOut }: Choices,
  roles: ReadonlyMap<string, Role>,
): void {
  for (const { option, path } of mentions) {
    for (let length = 1; length < path.length; length++) {
      const outer = path.slice(0, length)
      checkOuter(option, path, outer, leftOut.has(keyOfPath(outer)) ? 'left out' : roles.get(keyOfPath(outer)))
    }
    const role = roles.get(keyOfPath(path))
    if (option === '--pin' && role === 'flattened') {
      throw conflict(
        `--pin names ${quoted(path)}, which has columns of its own`,
        `pin those, as in --pin ${textOfPath(path)}.…`,
      )
    }
    const dropped = option === '--nest' && role === undefined && !leftOut.has(keyOfPath(path))
    if (dropped) throw notAmongColumns(option, path, path)
  }
}

/** An option may speak of what lies within a document or array only where that has columns or a table. */
function checkOuter(option: string, path: Path, outer: Path, role: Role | 'left out' | undefined): void {
  const name = textOfPath(outer)
  switch (role) {
    case 'flattened':
    case 'table':
      return
    case 'column':
      throw conflict(
        `${option} names ${quoted(path)}, and ${quoted(outer)} is kept whole in one column`,
        `--nest ${name}=column gives its fields columns, --nest ${name}=table gives its elements a table`,
      )
    case 'left out':
      throw conflict(
        `${option} names ${quoted(path)}, and ${quoted(outer)} is left out`,
        `take ${quoted(path)} out of the one option, or ${quoted(outer)} out of the other`,
      )
    case undefined:
      throw notAmongColumns(option, path, outer)
  }
}

function notAmongColumns(option: string, path: Path, outer: Path): DroverError {
  return conflict(
    `${option} names ${quoted(path)}, and --columns leaves it out`,
    `add ${JSON.stringify(outer[0])} to --columns`,
  )
}

function conflict(message: string, hint: string): DroverError {
  return new DroverError('conflicting-options', message, { hint })
}

function quoted(path: Path): string {
  return JSON.stringify(textOfPath(path))
}
