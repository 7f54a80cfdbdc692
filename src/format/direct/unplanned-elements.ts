const firstElements = 16

/** Elements that have no place in the plan. */
export class UnplannedElements {
  starts: Int32Array = new Int32Array(firstElements)
  ends: Int32Array = new Int32Array(firstElements)
  count = 0

  add(start: number, end: number): void {
    if (this.count === this.starts.length) {
      this.starts = grown(this.starts)
      this.ends = grown(this.ends)
    }
    this.starts[this.count] = start
    this.ends[this.count++] = end
  }
}

function grown(places: Int32Array): Int32Array {
  const longer = new Int32Array(places.length * 2)
  longer.set(places)
  return longer
}
