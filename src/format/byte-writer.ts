const smallestBuffer = 1 << 20

/** Appends to a buffer that grows, big-endian as PostgreSQL wants it. `reserve` before every `put`. */
export class ByteWriter {
  bytes: Buffer<ArrayBuffer>
  view: DataView
  at = 0
  #size: number

  constructor(memory: ArrayBuffer | null = null) {
    this.bytes = memory === null ? Buffer.allocUnsafeSlow(smallestBuffer) : Buffer.from(memory)
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length)
    this.#size = this.bytes.length
  }

  /** Makes room for `size` more bytes. */
  reserve(size: number): void {
    const needed = this.at + size
    if (needed > this.#size) this.#grow(needed)
  }

  putInt16(value: number): void {
    this.view.setInt16(this.at, value)
    this.at += 2
  }

  putUint16(value: number): void {
    this.view.setUint16(this.at, value)
    this.at += 2
  }

  putInt32(value: number): void {
    this.view.setInt32(this.at, value)
    this.at += 4
  }

  putBytes(value: Uint8Array): void {
    this.bytes.set(value, this.at)
    this.at += value.length
  }

  /** Reserves for itself. The text has to be free of half surrogate pairs. */
  appendText(text: string): void {
    // Three bytes for each UTF-16 unit always suffice; a long text is measured, so that it does not triple the buffer.
    this.reserve(text.length < 65_536 ? text.length * 3 : Buffer.byteLength(text))
    this.at += this.bytes.write(text, this.at, 'utf8')
  }

  #grow(needed: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2))
    grown.set(this.bytes.subarray(0, this.at))
    this.bytes = grown
    this.view = new DataView(grown.buffer, grown.byteOffset, grown.length)
    this.#size = grown.length
  }
}
