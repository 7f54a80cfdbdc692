import { isMap, isScalar, parseDocument, type Document, type Node } from 'yaml'
import { DroverError } from '../core/errors.ts'
import { axisNames, type Axis, type AxisValue, type TuneSetting } from './tune-search.ts'

/** What each axis is called, as an option and in the config file. */
export const optionOf: Readonly<Record<Axis, string>> = {
  workers: 'workers',
  batchRows: 'batch-rows',
  batchBytes: 'batch-bytes',
  feed: 'feed',
  isolation: 'isolation',
}

export interface Change {
  readonly axis: Axis
  readonly from: AxisValue
  readonly to: AxisValue
}

/** What has to be set anew to come from one setting to the other. */
export function changesOf(before: TuneSetting, after: TuneSetting): readonly Change[] {
  return axisNames.flatMap((axis) => {
    return before[axis] === after[axis] ? [] : [{ axis, from: before[axis], to: after[axis] }]
  })
}

/**
 * The text of a config file with these settings among its defaults; all else, and every comment, stays. Throws
 * `invalid-config` where the defaults are written in a way that has no room for them.
 */
export function withSettings(text: string, changes: readonly Change[]): string {
  const document: Document = parseDocument(text)
  // An empty file has nothing that a key could be set in, nor has a `defaults:` without keys.
  if (document.contents === null) document.contents = document.createNode({})
  const defaults: unknown = document.get('defaults', true)
  if (!isMap(defaults)) document.set('defaults', emptyMap(document, defaults))
  for (const { axis, to } of changes) document.setIn(['defaults', optionOf[axis]], to)
  // Long lines stay as they are: a filter is not to be folded.
  return document.toString({ lineWidth: 0 })
}

/** In place of a key without a value, whose comments it takes over. */
function emptyMap(document: Document, before: unknown): Node {
  if (before !== undefined && !(isScalar(before) && before.value === null)) {
    throw new DroverError('invalid-config', 'the settings cannot be written under defaults: it is not a map', {
      hint: 'write them into the file by hand',
    })
  }
  const map = document.createNode({})
  map.commentBefore = isScalar(before) ? (before.commentBefore ?? before.comment ?? null) : null
  return map
}
