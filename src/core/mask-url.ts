import type { ErrorShape } from './errors.ts'

const hidden = '***'

/** What is shorter would be found in half of all texts. */
const SHORTEST_SECRET = 4

/** Query parameters whose value is never shown. */
const secretName = /pass|pwd|secret|token|key|credential|signature|authmechanismproperties/i

/** A comma-separated list of host names and addresses, each with a port or none. */
const hostList = /^(?:(?:\[[0-9a-f:.%]*\]|[^:,@[\]]*)(?::\d*)?)(?:,(?:\[[0-9a-f:.%]*\]|[^:,@[\]]*)(?::\d*)?)*$/i

/**
 * A URL as it may be shown: the password and the value of every query parameter that looks like a secret become `***`.
 * Takes any text and never throws. A password with characters that should have been percent-encoded is still hidden
 * whole, at the price of hiding a little more of a malformed URL.
 */
export function maskUrl(url: string): string {
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(url)?.[0]
  if (scheme === undefined) return maskPairs(maskQuery(maskLoosely(url)))
  const rest = url.slice(scheme.length)
  const end = userInfoEnd(rest)
  if (end === null) return scheme + maskQuery(maskLonely(rest))
  const userInfo = rest.slice(0, end)
  const colon = userInfo.indexOf(':')
  const user = colon < 0 ? userInfo : `${userInfo.slice(0, colon)}:${hidden}`
  return `${scheme}${user}@${maskQuery(rest.slice(end + 1))}`
}

/** Masks every URL, and every `password=…`, inside a text. */
export function maskUrls(text: string): string {
  return maskPairs(text.replace(/[a-z][a-z0-9+.-]*:\/\/[^\s"<>]+/gi, (url) => maskUrl(url)))
}

/**
 * The passwords and secret parameters of a URL, encoded and decoded, for taking them out of texts that others wrote. A
 * secret of fewer than four characters, or one that the masked URL shows anyway, is left out: hiding it would hide
 * half the text and protect nothing.
 */
export function secretsOf(url: string): readonly string[] {
  const rest = url.replace(/^[a-z][a-z0-9+.-]*:\/\//i, '')
  const end = userInfoEnd(rest)
  const found: string[] = []
  if (end !== null && rest.slice(0, end).includes(':')) found.push(rest.slice(rest.indexOf(':') + 1, end))
  for (const [, name, value] of rest.matchAll(/[?&;]([^=&;]+)=([^&;#]*)/g)) {
    if (name !== undefined && value !== undefined && secretName.test(decoded(name))) found.push(value)
  }
  const shown = maskUrl(url)
  const all = new Set(found.flatMap((secret) => [secret, decoded(secret), encoded(decoded(secret))]))
  return [...all].filter((secret) => secret.length >= SHORTEST_SECRET && !shown.includes(secret))
}

/** As {@link secretsOf}, of a password that stands by itself. */
export function secretsOfPassword(password: string): readonly string[] {
  return [...new Set([password, encoded(password)])].filter((form) => form.length >= SHORTEST_SECRET)
}

/** Where user and password end, counted from behind `://`; null: there are none. */
function userInfoEnd(rest: string): number | null {
  const query = rest.search(/[?#](?=[\w.%-]+=)/)
  const head = query < 0 ? rest : rest.slice(0, query)
  const inHead = head.lastIndexOf('@')
  if (inHead >= 0) return inHead
  const authority = /^[^/?#]*/.exec(rest)?.[0] ?? ''
  const last = rest.lastIndexOf('@')
  return last < 0 || hostList.test(authority) ? null : last
}

/** `user:password` where a host was forgotten: what follows the colon is no port. */
function maskLonely(rest: string): string {
  const authority = /^[^/?#]*/.exec(rest)?.[0] ?? ''
  if (hostList.test(authority)) return rest
  return `${authority.slice(0, authority.indexOf(':') + 1)}${hidden}${rest.slice(authority.length)}`
}

/** `postgres:user:password@host`, where the slashes were forgotten. */
function maskLoosely(text: string): string {
  return text.replace(/^((?:[a-z][a-z0-9+.-]*:)?\/?[^:@\s]+:)[^\s/][^\s]*@/i, `$1${hidden}@`)
}

function maskQuery(text: string): string {
  return text.replace(/([?&;])([^=&;?#]+)=([^&;#]*)/g, (whole, separator: string, name: string) =>
    secretName.test(decoded(name)) ? `${separator}${name}=${hidden}` : whole,
  )
}

/** libpq's form: `host=… password=…`. A `"` that ends a text within JSON is no part of it, so that JSON stays what it is. */
const pair = /\b(\w*(?:password|passwd|pwd))\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s&;"]|"(?!\s*(?:[,}\]]|$)))+)/gi

function maskPairs(text: string): string {
  return text.replace(pair, `$1=${hidden}`)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function encoded(text: string): string {
  return text.isWellFormed() ? encodeURIComponent(text) : text
}

/** Takes secrets out of a text: those known by value, also as JSON writes them, and whatever looks like one. */
export function hideSecrets(text: string, secrets: Iterable<string>): string {
  let shown = text
  // The longest first: one may be a part of another, which would leave the rest to be seen.
  for (const secret of [...secrets].toSorted((a, b) => b.length - a.length)) {
    shown = shown.replaceAll(secret, hidden).replaceAll(JSON.stringify(secret).slice(1, -1), hidden)
  }
  return maskUrls(shown)
}

/** The same of what an error says. */
export function hideInError<E extends ErrorShape>(shape: E, secrets: Iterable<string>): E {
  const { message, hint, stack } = shape
  const hide = (text: string): string => hideSecrets(text, secrets)
  return {
    ...shape,
    message: hide(message),
    ...(hint === undefined ? {} : { hint: hide(hint) }),
    ...(stack === undefined ? {} : { stack: hide(stack) }),
  }
}
