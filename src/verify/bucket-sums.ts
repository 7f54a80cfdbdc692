import { DroverError } from '../core/errors.ts'
import { add128, hashLanes } from './hash128.ts'

/** The sum of the hashes, and how many there were. */
const lanesOfBucket = hashLanes + 1

/** Rows that share a bucket, about: so many are read again where one of them differs. */
const rowsPerBucket = 500
export const mostBuckets = 65_536

/** How many buckets a table of about so many rows has: a power of two. */
export function bucketsFor(rows: number): number {
  const wanted = Math.ceil(rows / rowsPerBucket)
  return Math.min(mostBuckets, 2 ** Math.ceil(Math.log2(Math.max(1, wanted))))
}

/**
 * Sums of 128-bit hashes mod 2^128 in buckets, whatever the order they come in; a hash that comes twice counts twice. Equal
 * sums in all buckets are equal multisets, but for a chance of 2^-128 for each.
 */
export class BucketSums {
  readonly buckets: number
  /** Plain data: all there is. */
  readonly lanes: Uint32Array<ArrayBuffer>

  /** `buckets` is a power of two. `lanes`: those of earlier sums of as many buckets. */
  constructor(buckets: number, lanes: Uint32Array<ArrayBuffer> = new Uint32Array(lengthOf(buckets))) {
    if (lanes.length !== lengthOf(buckets)) {
      throw new DroverError(
        'unexpected',
        `sums of ${buckets} buckets are ${lengthOf(buckets)} numbers, not ${lanes.length}`,
      )
    }
    this.buckets = buckets
    this.lanes = lanes
  }

  /** Adds `row` to the bucket that `key` chooses: two hashes. */
  add(key: Uint32Array, row: Uint32Array): void {
    const at = bucketOf(key, this.buckets) * lanesOfBucket
    add128(this.lanes, at, row, 0)
    this.lanes[at + hashLanes] = (this.lanes[at + hashLanes] as number) + 1
  }

  merge(other: BucketSums): void {
    if (other.buckets !== this.buckets) throw new DroverError('unexpected', 'sums of different buckets were merged')
    for (let at = 0; at < this.lanes.length; at += lanesOfBucket) {
      add128(this.lanes, at, other.lanes, at)
      this.lanes[at + hashLanes] = (this.lanes[at + hashLanes] as number) + (other.lanes[at + hashLanes] as number)
    }
  }

  rowsIn(bucket: number): number {
    return this.lanes[bucket * lanesOfBucket + hashLanes] ?? 0
  }

  get rows(): number {
    let rows = 0
    for (let bucket = 0; bucket < this.buckets; bucket++) rows += this.rowsIn(bucket)
    return rows
  }

  /** Buckets that are not the same, ascending. */
  differing(other: BucketSums): readonly number[] {
    const found: number[] = []
    for (let bucket = 0; bucket < this.buckets; bucket++) {
      const at = bucket * lanesOfBucket
      for (let lane = at; lane < at + lanesOfBucket; lane++) {
        if (this.lanes[lane] === other.lanes[lane]) continue
        found.push(bucket)
        break
      }
    }
    return found
  }
}

/** The bucket of a row by the hash of its key. */
export function bucketOf(key: Uint32Array, buckets: number): number {
  return (key[0] as number) & (buckets - 1)
}

/** How many numbers sums of so many buckets are. */
export function lengthOf(buckets: number): number {
  return buckets * lanesOfBucket
}
