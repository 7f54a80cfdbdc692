import type { AllowedCoercion, Coercion } from '../core/coercion.ts'

/** Which coercions a user allows, and for which fields. */
export class CoercionRules {
  readonly #allowed: readonly AllowedCoercion[]

  constructor(allowed: readonly AllowedCoercion[]) {
    // The longest path first: what is said of a field counts more than what is said of all that it lies in.
    this.#allowed = allowed.toSorted((a, b) => lengthOf(b) - lengthOf(a))
  }

  /** The one of these that is allowed for the field at a dotted path; null: none is. */
  at(path: string, names: readonly Coercion[]): Coercion | null {
    return this.#allowed.find((rule) => names.includes(rule.name) && covers(rule, path))?.name ?? null
  }

  /** Whether one of these is allowed for the field at a path, or for any below it. The row itself has the path ''. */
  anyIn(path: string, names: readonly Coercion[]): boolean {
    return this.#allowed.some(
      (rule) => names.includes(rule.name) && (covers(rule, path) || path === '' || isBelow(rule.path, path)),
    )
  }
}

function lengthOf({ path }: AllowedCoercion): number {
  return path?.length ?? -1
}

function covers({ path: allowed }: AllowedCoercion, path: string): boolean {
  return allowed === null || path === allowed || isBelow(path, allowed)
}

function isBelow(path: string | null, above: string): boolean {
  return path !== null && path.startsWith(`${above}.`)
}

/** The dotted path of a field: places in arrays are left out, because all elements are one field. */
export function fieldPath(steps: readonly (string | number)[]): string {
  return steps.filter((step) => typeof step === 'string').join('.')
}
