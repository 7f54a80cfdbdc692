import { qualified, type TargetName } from './core/plan.ts'

/** A name of the target as SQL writes it, but with quotes only where it would be read otherwise. */
const bareName = /^[^."\s]+$/
const nameParts = /^(?:([^."\s]+)|"((?:[^"]|"")+)")\.(?:([^."\s]+)|"((?:[^"]|"")+)")$/
const wholeName = /^"((?:[^"]|"")+)"$/

/** `public.users`, `public."a.b"`. */
export function targetText(target: TargetName): string {
  return qualified({ schema: quotedName(target.schema), name: quotedName(target.name) })
}

/** What {@link targetText} has written; null: it is not such. */
export function parseTarget(text: string): TargetName | null {
  const [, bareSchema, quotedSchema, bare, quoted] = nameParts.exec(text) ?? []
  const schema = bareSchema ?? unquoted(quotedSchema)
  const name = bare ?? unquoted(quoted)
  return schema === undefined || name === undefined ? null : { schema, name }
}

/**
 * A name as a person gives it: `users`, in quotes where it has a dot in it, or with its schema as {@link targetText}
 * writes it; null: it is neither.
 */
export function parseGivenTarget(text: string): { readonly schema: string | null; readonly name: string } | null {
  const qualifiedName = parseTarget(text)
  if (qualifiedName !== null) return qualifiedName
  const [, quoted] = wholeName.exec(text) ?? []
  if (quoted === undefined && text.includes('.')) return null
  return { schema: null, name: unquoted(quoted) ?? text }
}

function quotedName(name: string): string {
  return bareName.test(name) ? name : `"${name.replaceAll('"', '""')}"`
}

function unquoted(text: string | undefined): string | undefined {
  return text?.replaceAll('""', '"')
}

/** `address.city`; a list where a name has a dot in it, or nothing. */
export function pathForm(path: readonly string[]): string | readonly string[] {
  return path.length > 0 && path.every((name) => /^[^.]+$/s.test(name)) ? path.join('.') : path
}
