/**
 * A named change of values that the target cannot hold as they are. Opt-in, for a field or for all, and every use is
 * counted.
 *
 * - `strip-nul`: U+0000 is left out of texts, inside documents too, and out of field names
 * - `replace-nul`: U+0000 becomes U+FFFD
 * - `replace-utf8`: bytes that are no UTF-8, and half surrogate pairs, become U+FFFD
 * - `clamp-dates`: a date outside of the target's calendar becomes the nearest that is inside
 * - `infinite-dates`: a date outside of the target's calendar becomes `-infinity` or `infinity`
 * - `stringify-nan`: NaN and the infinities inside documents become texts ("NaN", "Infinity", "-Infinity")
 * - `null-nan`: NaN and the infinities inside documents become null
 * - `last-wins`: of a field name that occurs twice in a document the last value counts
 */
export const coercions = [
  'strip-nul',
  'replace-nul',
  'replace-utf8',
  'clamp-dates',
  'infinite-dates',
  'stringify-nan',
  'null-nan',
  'last-wins',
] as const
export type Coercion = (typeof coercions)[number]

/** A coercion that a user allows. */
export interface AllowedCoercion {
  /** Dotted path of the field, and all below it; null: every field. */
  readonly path: string | null
  readonly name: Coercion
}

/** How often one was used in a batch. */
export interface CoercionUse {
  /** Dotted path of the field. */
  readonly path: string
  readonly name: Coercion
  readonly uses: number
}
