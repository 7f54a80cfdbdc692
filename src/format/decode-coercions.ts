import type { AllowedCoercion, Coercion, CoercionUse } from '../core/coercion.ts'
import type { Lenience } from './bson-reader.ts'
import { CoercionRules, fieldPath } from './coercion-rules.ts'
import { CoercionTally } from './coercion-tally.ts'

const whileDecoding = ['replace-utf8', 'last-wins'] as const

/** Null: none of those allowed is used while rows are decoded. `path`: where reading is. */
export function decodeCoercions(
  allowed: readonly AllowedCoercion[],
  path: () => readonly (string | number)[],
): DecodeCoercions | null {
  const rules = new CoercionRules(allowed)
  return rules.anyIn('', whileDecoding) ? new DecodeCoercions(rules, path) : null
}

/** The coercions that are used while rows are decoded, and their uses on the row at hand. */
export class DecodeCoercions implements Lenience {
  readonly #rules: CoercionRules
  readonly #path: () => readonly (string | number)[]
  readonly #tally = new CoercionTally()

  constructor(rules: CoercionRules, path: () => readonly (string | number)[]) {
    this.#rules = rules
    this.#path = path
  }

  mendsText(): boolean {
    return this.#use('replace-utf8')
  }

  takesLast(): boolean {
    return this.#use('last-wins')
  }

  /** Another row begins. */
  restart(): void {
    this.#tally.clear()
  }

  take(): readonly CoercionUse[] {
    return this.#tally.take()
  }

  #use(name: Coercion): boolean {
    const path = fieldPath(this.#path())
    if (this.#rules.at(path, [name]) === null) return false
    this.#tally.add(path, name)
    return true
  }
}
