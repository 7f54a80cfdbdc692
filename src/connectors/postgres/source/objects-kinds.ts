import type { DatabaseObject } from './objects-catalogue.ts'

export type CarriableKind =
  'schema' | 'extension' | 'collation' | 'type' | 'sequence' | 'function' | 'procedure' | 'view' | 'materialized view'

const byType: Readonly<Record<string, CarriableKind>> = {
  schema: 'schema',
  extension: 'extension',
  collation: 'collation',
  sequence: 'sequence',
  function: 'function',
  procedure: 'procedure',
  view: 'view',
  'materialized view': 'materialized view',
}

/** Enums, composites, domains and ranges; other types are written in C. */
const typeKinds: ReadonlySet<string | null> = new Set(['e', 'c', 'd', 'r'])

/** Null: drover does not carry it. */
export function kindOf({ thing, type, typeKind, language }: DatabaseObject): CarriableKind | null {
  if (thing.startsWith('pg_type ')) return typeKinds.has(typeKind) ? 'type' : null
  if (language === 'c' || language === 'internal') return null
  return byType[type] ?? null
}

export function isTable({ relationKind }: DatabaseObject): boolean {
  return relationKind === 'r' || relationKind === 'p'
}

/** Why an object of no carriable kind is not carried. */
export function whyNot({ type, typeKind, language }: DatabaseObject): string {
  if (typeKind === 'b') return 'a base type is written in C, and its library has to be in the target first'
  const isCode = type === 'function' || type === 'procedure'
  if (isCode) return `it is written in ${language}, and its library has to be in the target first`
  return `drover carries no ${type}`
}

/** Made by the server itself, and so in every database. */
export function isBuiltIn(thing: string): boolean {
  const [, oid = '0'] = thing.split(' ')
  return Number(oid) < 16384
}
