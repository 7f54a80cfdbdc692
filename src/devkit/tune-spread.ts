/** Where the middle of repeated figures lies, and how surely. */
export interface Spread {
  readonly low: number
  readonly median: number
  readonly high: number
}

/** How often the true median may lie outside of a spread. */
const MISSED_AT_MOST = 1 / 4

/**
 * Median and spread of repeated figures. Of three to five figures the spread is the lowest to the highest; of more it
 * leaves out as many at each end as still hold the true median between the rest three times in four, so that further
 * repeats make it narrower and one figure that was disturbed does not count. The chances are those of the sign test: each
 * figure is as likely above the median as below (Conover, Practical Nonparametric Statistics, confidence interval for a
 * quantile).
 */
export function spreadOf(figures: readonly number[]): Spread {
  const sorted = figures.toSorted((a, b) => a - b)
  const left = leftOut(sorted.length)
  const middle = (sorted.length - 1) / 2
  return {
    low: at(sorted, left),
    median: (at(sorted, Math.floor(middle)) + at(sorted, Math.ceil(middle))) / 2,
    high: at(sorted, sorted.length - 1 - left),
  }
}

/** The spreads do not meet: what lies between them is more than chance. */
export function isAbove(a: Spread, b: Spread): boolean {
  return a.low > b.high
}

/** Figures to leave out at each end. */
function leftOut(count: number): number {
  // The chance that no more than `left` of the figures lie on one given side of the median.
  let oneSide = 2 ** -count
  let ways = 1
  let left = 0
  while (left < count) {
    ways = (ways * (count - left)) / (left + 1)
    oneSide += ways * 2 ** -count
    if (2 * oneSide > MISSED_AT_MOST) return left
    left++
  }
  return 0
}

function at(sorted: readonly number[], index: number): number {
  const figure = sorted[index]
  if (figure === undefined) throw new RangeError('a spread needs at least one figure')
  return figure
}
