export const yearZero = -62_167_219_200_000n
export const year10000 = 253_402_300_800_000n

/**
 * An instant as ISO 8601 in UTC with milliseconds, `2024-01-02T03:04:05.678Z`. Null outside of the years 0000 to 9999,
 * which that form cannot write.
 */
export function isoText(millis: bigint): string | null {
  return millis >= yearZero && millis < year10000 ? new Date(Number(millis)).toISOString() : null
}

// What comes after the time is its zone, without which the text is no instant.
const isoPattern =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(?:[Zz]|([+-])([01]\d|2[0-3])(?::?([0-5]\d))?)$/

/**
 * The milliseconds that an ISO 8601 text means. Null where it is not one, has no zone, names a day or an hour that
 * does not exist, or is finer than milliseconds.
 */
export function parseInstant(text: string): bigint | null {
  const parts = isoPattern.exec(text)
  if (parts === null) return null
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map((part) => Number(part ?? 0))
  if (year === undefined || month === undefined || day === undefined) return null
  if (hour === undefined || hour > 23 || minute === undefined || minute > 59) return null
  if (second === undefined || second > 59) return null
  const fraction = (parts[7] ?? '').padEnd(3, '0')
  if (/[1-9]/.test(fraction.slice(3))) return null
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null
  const millis = date.getTime() + ((hour * 60 + minute) * 60 + second) * 1000 + Number(fraction.slice(0, 3))
  const zone = (Number(parts[9] ?? 0) * 60 + Number(parts[10] ?? 0)) * 60_000
  return BigInt(parts[8] === '-' ? millis + zone : millis - zone)
}
