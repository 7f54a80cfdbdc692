/**
 * One value of a row, carried losslessly. A `number` is a double, or an int32 where it is whole: the planned type says
 * how it is stored, and a value that would change is refused.
 */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Decimal
  | Instant
  | Day
  | ObjectId
  | Uuid
  | Special
  | readonly Value[]
  | DocumentValue

/** A nested document. Its prototype is null, so that a field named `__proto__` is a field like any other. */
export interface DocumentValue {
  readonly [field: string]: Value
}

/** An exact decimal number in the form `-?digits[.digits][E±digits]`, or `NaN`, `Infinity`, `-Infinity`. */
export class Decimal {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** A point in time: milliseconds since 1970-01-01T00:00:00Z; any int64, so also years no calendar writes. */
export class Instant {
  readonly millis: bigint
  /** Microseconds behind these, 0 to 999. */
  readonly micros: number
  constructor(millis: bigint, micros: number = 0) {
    this.millis = millis
    this.micros = micros
  }
}

/**
 * Before and after any other: the infinite times of SQL, and what a coercion makes of a date that the target does not
 * hold. No int64, so no date of a document.
 */
export const minusInfinity: Instant = new Instant(-(2n ** 64n))
export const plusInfinity: Instant = new Instant(2n ** 64n)

/** Whether it is one of the infinite times. */
export function isInfinite({ millis }: Instant): boolean {
  return millis === minusInfinity.millis || millis === plusInfinity.millis
}

/** A day of the calendar, in no time zone: days since 1970-01-01, or an infinity, which is before or after any. */
export class Day {
  readonly days: number
  constructor(days: number) {
    this.days = days
  }
}

/** A MongoDB ObjectId as 24 lower-case hex digits. */
export class ObjectId {
  readonly hex: string
  constructor(hex: string) {
    this.hex = hex
  }
}

/** A UUID in its canonical lower-case text form. */
export class Uuid {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/**
 * A value that SQL and JSON have no form for: regular expression, internal timestamp, min and max key, code, symbol,
 * binary of a subtype that is not plain. Carried as its canonical extended JSON v2 text, for example
 * `{"$minKey":1}`. `type` is its BSON name.
 */
export class Special {
  readonly type: string
  readonly json: string
  constructor(type: string, json: string) {
    this.type = type
    this.json = json
  }
}

/** One record: the value that identifies it in its source, and its fields in source order (null prototype). */
export interface Row {
  readonly key: Value
  readonly fields: { readonly [field: string]: Value }
}
