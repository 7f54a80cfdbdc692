import { errorKinds, type ErrorShape } from '../core/errors.ts'
import { hideInError, hideSecrets, secretsOf, secretsOfPassword } from '../core/mask-url.ts'
import { printable, printableLines } from '../telemetry/format.ts'

/** The two streams: results go to stdout, everything else to stderr. A reader that has gone away stops nothing. */
export class Output {
  readonly #secrets = new Set<string>()
  readonly #stdout: NodeJS.WritableStream
  readonly #stderr: NodeJS.WritableStream

  constructor(stdout: NodeJS.WritableStream, stderr: NodeJS.WritableStream) {
    this.#stdout = stdout
    this.#stderr = stderr
    for (const stream of [stdout, stderr]) {
      if (!stream.listeners('error').includes(tolerateClosedPipe)) stream.on('error', tolerateClosedPipe)
    }
  }

  /** From now on the secrets of this URL are hidden in everything that goes to stderr, and in errors everywhere. */
  protect(url: string): void {
    for (const secret of secretsOf(url)) this.#secrets.add(secret)
  }

  /** The same of a secret by itself. */
  protectSecret(secret: string): void {
    for (const form of secretsOfPassword(secret)) this.#secrets.add(form)
  }

  result(text: string): void {
    this.#stdout.write(`${text}\n`)
  }

  json(value: object): void {
    this.result(printable(JSON.stringify(value, exactNumbers)))
  }

  /** Text with its line end, for stderr. */
  readonly write = (text: string): void => {
    this.#stderr.write(hideSecrets(text, this.#secrets))
  }

  /** `drover: sentence`, hint and code; a stack trace for a bug only. */
  error({ code, message, hint, stack }: ErrorShape): void {
    const lines = [`drover: ${printable(message)}`]
    if (hint !== undefined) lines.push(`  hint: ${printable(hint)}`)
    lines.push(`  [${code}]`)
    if (errorKinds[code] === 'bug' && stack !== undefined) lines.push(printableLines(stack))
    this.write(`${lines.join('\n')}\n`)
  }

  /** An error as it stands in a result. */
  shapeOf(shape: ErrorShape): object {
    const { code, message, hint } = hideInError(shape, this.#secrets)
    return { code, message, ...(hint === undefined ? {} : { hint }) }
  }
}

/** Counts that a double cannot hold exactly become strings. */
export function exactNumbers(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString()
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value))
    return BigInt(value).toString()
  return value
}

function tolerateClosedPipe(error: Error): void {
  if (!('code' in error) || error.code !== 'EPIPE') throw error
}
