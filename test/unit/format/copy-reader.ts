/** Reads the tuples of PostgreSQL's binary COPY back, apart from the encoder and as simply as it can be done. */
export function readTuples(bytes: Uint8Array, offsets: Uint32Array): (Buffer | null)[][] {
  const rows: (Buffer | null)[][] = []
  for (let row = 0; row + 1 < offsets.length; row++) {
    const tuple = Buffer.from(bytes.subarray(offsets[row], offsets[row + 1]))
    const fields: (Buffer | null)[] = []
    let at = 2
    for (let field = 0; field < tuple.readInt16BE(0); field++) {
      const length = tuple.readInt32BE(at)
      at += 4
      fields.push(length < 0 ? null : tuple.subarray(at, at + length))
      at += Math.max(length, 0)
    }
    if (at !== tuple.length) throw new Error('a tuple has bytes left')
    rows.push(fields)
  }
  return rows
}

/** The text PostgreSQL shows for the binary form of a numeric. */
export function numericText(form: Buffer): string {
  const count = form.readInt16BE(0)
  const weight = form.readInt16BE(2)
  const sign = form.readUInt16BE(4)
  const scale = form.readInt16BE(6)
  if (form.length !== 8 + count * 2) throw new Error('a numeric has bytes left')
  if (sign >= 0xc000) return { 0xc000: 'NaN', 0xd000: 'Infinity', 0xf000: '-Infinity' }[sign] ?? 'unknown sign'
  if (count > 0 && (form.readInt16BE(8) === 0 || form.readInt16BE(form.length - 2) === 0)) {
    throw new Error('a numeric begins or ends with a zero')
  }
  let scaled = 0n
  for (let digit = 0; digit < count; digit++) scaled = scaled * 10_000n + BigInt(form.readInt16BE(8 + digit * 2))
  // The value is scaled × 10000^power; shown with `scale` digits it is scaled × 10^shift over 10^scale.
  const shift = 4 * (weight - count + 1) + scale
  const all = shift >= 0 ? scaled * 10n ** BigInt(shift) : scaled / 10n ** BigInt(-shift)
  if (shift < 0 && scaled % 10n ** BigInt(-shift) !== 0n) throw new Error('a numeric has digits beyond its scale')
  const digits = String(all).padStart(scale + 1, '0')
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`
  return sign === 0x4000 ? `-${text}` : text
}

export interface ArrayForm {
  readonly dimensions: number
  readonly hasNull: number
  readonly oid: number
  readonly items: readonly (Buffer | null)[]
}

export function readArray(form: Buffer): ArrayForm {
  const head = { dimensions: form.readInt32BE(0), hasNull: form.readInt32BE(4), oid: form.readInt32BE(8) }
  const items: (Buffer | null)[] = []
  if (head.dimensions === 0) return { ...head, items }
  if (form.readInt32BE(16) !== 1) throw new Error('a lower bound is not 1')
  let at = 20
  for (let item = 0; item < form.readInt32BE(12); item++) {
    const length = form.readInt32BE(at)
    at += 4
    items.push(length < 0 ? null : form.subarray(at, at + length))
    at += Math.max(length, 0)
  }
  if (at !== form.length) throw new Error('an array has bytes left')
  return { ...head, items }
}
