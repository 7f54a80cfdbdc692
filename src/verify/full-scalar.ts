import type { ScalarType } from '../core/logical-type.ts'
import { Day, Decimal, Instant, minusInfinity, ObjectId, plusInfinity, Uuid, type Value } from '../core/value.ts'
import { dayOfIso, microsOfTimestamp } from './full-instant.ts'

/** The value that a text form of its type, as PostgreSQL shows it, stands for. */
export function scalarOf(type: ScalarType, text: string): Value {
  switch (type) {
    case 'bool':
      return text === 'true'
    case 'int32':
    case 'float64':
      return Number(text)
    case 'int64':
      return BigInt(text)
    case 'decimal':
      return new Decimal(text)
    case 'text':
      return text
    case 'objectid':
      return new ObjectId(text)
    case 'uuid':
      return new Uuid(text)
    case 'bytes':
      return new Uint8Array(Buffer.from(text.slice(2), 'hex'))
    case 'timestamp':
      return instantOf(text)
    case 'date':
      return new Day(dayOfIso(text) ?? Number.NaN)
  }
}

function instantOf(text: string): Instant {
  const micros = microsOfTimestamp(text)
  if (micros === null) return text === 'infinity' ? plusInfinity : minusInfinity
  const below = ((micros % 1000n) + 1000n) % 1000n
  return new Instant((micros - below) / 1000n, Number(below))
}
