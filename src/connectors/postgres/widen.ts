import type { ScalarType } from '../../core/logical-type.ts'
import type { NestedJson } from '../../core/plan.ts'

/** Name of the function that {@link shortestDecimal} creates. */
export const shortestDecimalName = 'pg_temp.drover_shortest'

/**
 * Creates a function from a double to the decimal that JavaScript writes for it, which is what the encoder stores: the
 * shortest that reads back as the double. So does PostgreSQL (with extra_float_digits, which every session has), except
 * that it takes no decimal that lies exactly halfway to the next double, although that reads back as well where the
 * double is the even one of the two: 1e23 is 9.999999999999999e+22 in PostgreSQL. Such a decimal of fewer digits is a
 * whole number (a half has more), has a factor 5^k below 2^54 and at most 16 digits before its zeros, and is next to
 * PostgreSQL's own at one digit less.
 */
export const shortestDecimal: string = `
  create function ${shortestDecimalName}(double precision) returns numeric language sql as $body$
    select case
      when abs($1) >= 18014398509481984 and abs($1) < 1e39 then (
        select case
          when near.below::double precision = $1 then near.below
          when near.above::double precision = $1 then near.above
          else near.shown
        end
        from (
          select own.shown, trunc(own.shown, -own.cut) as below,
            trunc(own.shown, -own.cut) + sign(own.shown) * ('1e' || own.cut)::numeric as above
          from (
            select $1::text::numeric as shown,
              length($1::text::numeric::text) - length(rtrim($1::text::numeric::text, '0')) + 1 as cut
          ) own
        ) near
      )
      else $1::text::numeric
    end
  $body$`

/** An expression for the `jsonb` that the encoder writes for a value of the type, which is not null. */
export function jsonOf(type: ScalarType, nestedJson: NestedJson, value: string): string {
  const extended = nestedJson === 'extended'
  switch (type) {
    case 'bool':
    case 'int32':
    case 'int64':
    case 'text':
      return `to_jsonb(${value})`
    case 'float64':
      return doubleJson(value)
    case 'decimal':
      return extended ? wrapped('$numberDecimal', `${value}::text`) : decimalJson(value)
    case 'objectid':
      return extended ? wrapped('$oid', value) : `to_jsonb(${value})`
    case 'uuid':
      return extended ? binaryJson(`uuid_send(${value})`, '04') : `to_jsonb(${value}::text)`
    case 'bytes':
      return extended ? binaryJson(value, '00') : `to_jsonb(${base64(value)})`
    case 'timestamp':
      return instantJson(value, extended)
    case 'date':
      return `to_jsonb(${value}::text)`
  }
}

function doubleJson(value: string): string {
  return `case
    when ${value}::text in ('NaN', 'Infinity', '-Infinity') then ${wrapped('$numberDouble', `${value}::text`)}
    when ${value}::text = '-0' then ${wrapped('$numberDouble', `'-0.0'`)}
    else to_jsonb(${shortestDecimalName}(${value}))
  end`
}

function decimalJson(value: string): string {
  return `case
    when ${value}::text in ('NaN', 'Infinity', '-Infinity') then ${wrapped('$numberDecimal', `${value}::text`)}
    else to_jsonb(${value})
  end`
}

function wrapped(name: string, value: string): string {
  return `jsonb_build_object('${name}', ${value})`
}

function binaryJson(bytes: string, subtype: string): string {
  return wrapped('$binary', `jsonb_build_object('base64', ${base64(bytes)}, 'subType', '${subtype}')`)
}

/** Without the line breaks that PostgreSQL puts in. */
function base64(bytes: string): string {
  return `translate(encode(${bytes}, 'base64'), chr(10), '')`
}

/**
 * ISO 8601 for the years 0000 (which PostgreSQL calls 1 BC) to 9999, in extended JSON from 1970 and without a fraction
 * of zero; else milliseconds. Microseconds, which no source of documents has, are written where text can, and refused
 * where milliseconds cannot: by the cast of a text with a fraction. So are infinite times.
 */
function instantJson(value: string, extended: boolean): string {
  const utc = `(${value} at time zone 'UTC')`
  const year = `case when ${value} < '0001-01-01 00:00:00+00' then '0000' else to_char(${utc}, 'YYYY') end`
  // Without its sign, a time of day has 0 to 999,999 of them, whatever the year.
  const micros = `(extract(microseconds from ${value})::bigint % 1000000)`
  const noFraction = extended ? `when ${micros} = 0 then ''` : ''
  const fraction = `case ${noFraction} when ${micros} % 1000 = 0 then to_char(${utc}, '.MS') else to_char(${utc}, '.US') end`
  const iso = `${year} || to_char(${utc}, '-MM-DD"T"HH24:MI:SS') || ${fraction} || 'Z'`
  const first = extended ? '1970-01-01 00:00:00+00' : '0001-01-01 00:00:00+00 BC'
  return `case
    when ${value} >= '${first}' and ${value} < '10000-01-01 00:00:00+00'
    then ${extended ? wrapped('$date', iso) : `to_jsonb(${iso})`}
    else ${wrapped('$date', wrapped('$numberLong', millis(value, micros)))}
  end`
}

/** Whole seconds first: before version 14, PostgreSQL gives them as a double. */
function millis(value: string, micros: string): string {
  const seconds = `extract(epoch from date_trunc('second', ${value}))::bigint`
  const whole = `(${seconds} * 1000 + ${micros} / 1000)::text`
  return `(${whole} || case when ${micros} % 1000 = 0 then '' else '.' || (${micros} % 1000)::text end)::bigint::text`
}
