import { closest, distance } from 'fastest-levenshtein'
import { DroverError } from '../core/errors.ts'
import type { Sample } from '../core/sample.ts'

/** Letters in which a name may differ from one that was seen to be taken for a slip of the pen. */
const SLIP = 2

/** Whether a name that was not seen is wrong: it may be rare, but then it is not nearly that of a field. */
export function isWrong(name: string, known: readonly string[], sample: Sample): boolean {
  if (sample.rows === 0) return false
  return sample.complete || (known.length > 0 && distance(name, closest(name, known)) <= SLIP)
}

/** The error for a name that an option gives and that was not seen; `known` are those it could have meant. */
export function unknownField(option: string, name: string, known: readonly string[], sample: Sample): DroverError {
  const rare = sample.complete ? '' : `; a rare field is found by --infer full, or declared by --cast ${name}=type`
  const where = sample.complete ? `any of the ${sample.rows} rows` : `a sample of ${sample.rows} rows`
  const nearest = known.length === 0 ? '' : `did you mean ${closest(name, known)}? `
  return new DroverError('unknown-column', `${option} names ${JSON.stringify(name)}, which is not in ${where}`, {
    hint: `${nearest}Fields are ${known.join(', ')}${rare}`,
  })
}

/** The same where the source declares all fields of the table. */
export function undeclaredField(option: string, name: string, known: readonly string[], table: string): DroverError {
  return new DroverError('unknown-column', `${option} names ${JSON.stringify(name)}, and ${table} has no such field`, {
    hint: `did you mean ${closest(name, known)}? Fields are ${known.join(', ')}; in a --config file, tables: gives options to one table`,
  })
}

/** The error for a name of a field that can only be left out. */
export function computedField(option: string, name: string): DroverError {
  return new DroverError(
    'unknown-column',
    `${option} names ${JSON.stringify(name)}, which is computed from other columns, and so is not copied`,
    { hint: `take it out of ${option}; drover plan shows whether the target computes it too` },
  )
}
