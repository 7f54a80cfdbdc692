import type { FunctionArgument, FunctionCall } from '../core/transform.ts'

/** Calls as `parseFunctions` reads them. */
export function functionsText(calls: readonly FunctionCall[]): string {
  return calls
    .map(({ name, arguments: given }) => (given.length === 0 ? name : `${name}(${given.map(argumentText).join(', ')})`))
    .join(' | ')
}

function argumentText(argument: FunctionArgument): string {
  if (typeof argument === 'string') return `'${argument.replaceAll("'", "''")}'`
  if (typeof argument === 'object' && argument !== null) return `/${argument.pattern}/${argument.flags}`
  return String(argument)
}
