/** Numbers that are dates: from 2000-01-01 on and before 2100-01-01, which no two units share. */
export const epochUnits: readonly {
  readonly form: 'epoch-s' | 'epoch-ms' | 'epoch-us'
  readonly perSecond: bigint
  readonly from: bigint
  readonly before: bigint
}[] = [
  { form: 'epoch-s' as const, perSecond: 1n },
  { form: 'epoch-ms' as const, perSecond: 1000n },
  { form: 'epoch-us' as const, perSecond: 1_000_000n },
].map((unit) => ({ ...unit, from: 946_684_800n * unit.perSecond, before: 4_102_444_800n * unit.perSecond }))

/** Days since noon in Greenwich on 24 November 4714 BC. */
export const julian = { from: 2_451_544.5, before: 2_488_069.5 } as const

const julianOfEpoch = 2_440_587.5
const msPerDay = 86_400_000

/** A time as a day number; null: numbers such as `like` are none. */
export function julianDayOf(millis: number, like: number): number | null {
  return like >= julian.from && like < julian.before ? millis / msPerDay + julianOfEpoch : null
}

/** The time that a day number means, in milliseconds since 1970. */
export function millisOfJulianDay(day: number): number {
  return Math.round((day - julianOfEpoch) * msPerDay)
}
