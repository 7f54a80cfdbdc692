/** Whether a table pattern has a wildcard in it, so that it may match any number of names. */
export function isPattern(pattern: string): boolean {
  return /[*?]/.test(pattern)
}

/** Matches a whole name: `*` is any text, `?` is one character, everything else is itself. */
export function matchesPattern(pattern: string, name: string): boolean {
  const wanted = [...pattern]
  const seen = [...name]
  let at = 0
  let star = -1
  let starAt = 0
  let next = 0
  // Remembers the last star only, so that no pattern takes more than pattern × name steps.
  while (at < seen.length) {
    if (wanted[next] === '*') {
      star = next++
      starAt = at
    } else if (next < wanted.length && (wanted[next] === '?' || wanted[next] === seen[at])) {
      next++
      at++
    } else if (star >= 0) {
      next = star + 1
      at = ++starAt
    } else {
      return false
    }
  }
  return wanted.slice(next).every((character) => character === '*')
}
