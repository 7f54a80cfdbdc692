import { isUtf8 } from 'node:buffer'
import type { BsonReader } from '../bson-reader.ts'
import type { ByteWriter } from '../byte-writer.ts'
import { endOfName } from './measure.ts'
import { indexOfName } from './name-set.ts'

// What documents with names of their own, such as maps, would fill without end.
const mostNodes = 4096
const mostSiblings = 8
const longestName = 100

const wordBytes = 4
/** Of an element and of what JSON has of it, as much as is compared and written by words. */
const keptBytes = 4 * wordBytes

/** A name behind those that came before it in a document. */
export interface NameNode {
  /** UTF-8 with the terminator that BSON has. */
  readonly name: Uint8Array
  /** Bytes of an element in front of its value: its type and the name. */
  readonly headLength: number
  /** The beginning of an element as words, the lowest byte first, without its type; 0 for what is not of the name. */
  readonly first: number
  readonly second: number
  readonly third: number
  readonly fourth: number
  /** The bytes of these words that are of the name. */
  readonly firstMask: number
  readonly secondMask: number
  readonly thirdMask: number
  readonly fourthMask: number
  /** What JSON has in front of the value: `{"name":` or `,"name":`. */
  readonly written: Uint8Array
  readonly writtenLength: number
  /** Its first bytes as words. */
  readonly written0: number
  readonly written1: number
  readonly written2: number
  readonly written3: number
  /** Greatest index among the names until here; see {@link NameNode.hasOthers}. */
  readonly index: number
  /** Whether one of them is no index. */
  readonly hasOthers: boolean
  readonly parent: NameNode | null
  /** The name that followed last. */
  next: NameNode | null
  /** Names that have followed. */
  readonly children: NameNode[]
  /** In front of the first name of documents that are, or lie in, the value; null: there were none. */
  inner: NameNode | null
}

/**
 * The names of documents, as paths from the first one inwards, in the orders that were seen: a document that goes along
 * a path has no name twice, has them in the order of an object, and their JSON is known.
 */
export class NamePaths {
  #count = 0

  /** The value that a column holds. */
  value(): NameNode {
    return nodeOf(null, Buffer.alloc(0), -1)
  }

  /** Where the paths of documents begin that are the value of a node; null: there is no room for more. */
  startIn(node: NameNode): NameNode | null {
    if (node.inner === null && this.#count < mostNodes) {
      node.inner = nodeOf(null, Buffer.alloc(0), -1)
      this.#count++
    }
    return node.inner
  }

  /**
   * Finds the node of the element at `at` behind another, and writes what JSON has in front of its value. Null, and
   * nothing written, where there is no such node and none is made.
   */
  follow(out: ByteWriter, reader: BsonReader, node: NameNode, at: number, limit: number): NameNode | null {
    const end = endOfName(reader, at + 1, limit)
    if (end < 0 || end - at > longestName) return null
    const child = findChild(reader, node, at, end) ?? this.#add(node, reader.bytes.subarray(at + 1, end - 1))
    if (child === null) return null
    node.next = child
    putName(out, child)
    return child
  }

  #add(node: NameNode, name: Buffer): NameNode | null {
    if (this.#count >= mostNodes || node.children.length === mostSiblings || !isUtf8(name)) return null
    for (let before: NameNode | null = node; before !== null && before.parent !== null; before = before.parent) {
      if (name.equals(before.name.subarray(0, -1))) return null
    }
    const index = indexOfName(Buffer.concat([name, Buffer.of(0)]), 0, name.length)
    if (index >= 0 && (node.hasOthers || index <= node.index)) return null
    const child = nodeOf(node, name, index)
    node.children.push(child)
    this.#count++
    return child
  }
}

/** The node of the element whose name ends at `end`, terminator included. */
function findChild({ bytes }: BsonReader, { children }: NameNode, at: number, end: number): NameNode | null {
  for (let index = 0; index < children.length; index++) {
    const child = children[index] as NameNode
    const { name } = child
    if (child.headLength !== end - at) continue
    let same = 0
    while (same < name.length && name[same] === bytes[at + 1 + same]) same++
    if (same === name.length) return child
  }
  return null
}

/**
 * Writes what JSON has in front of the value of the element at `at`, whose first word is `head`, where it has the name of
 * the node. Answers where the value is; -1 for another name. See {@link isRoomBehind}.
 */
export function putIfNamed(
  out: ByteWriter,
  reader: BsonReader,
  node: NameNode,
  head: number,
  at: number,
  limit: number,
): number {
  const { view } = reader
  const { headLength } = node
  const end = at + headLength
  if ((head & node.firstMask) !== node.first || end > limit) return -1
  if ((view.getInt32(at + 4, true) & node.secondMask) !== node.second) return -1
  if (headLength > 8) {
    if ((view.getInt32(at + 8, true) & node.thirdMask) !== node.third) return -1
    if ((view.getInt32(at + 12, true) & node.fourthMask) !== node.fourth) return -1
    if (headLength > keptBytes && !isAt(reader, node, at)) return -1
  }
  putName(out, node)
  return end
}

/** Whether as many bytes as {@link putIfNamed} looks at are there behind each element of a document that ends here. */
export function isRoomBehind(reader: BsonReader, end: number): boolean {
  return end + keptBytes <= reader.bytes.length
}

/** The same of a name that is found already. */
function putName(out: ByteWriter, node: NameNode): void {
  const { written, writtenLength } = node
  out.reserve(keptBytes + writtenLength)
  const { view, at } = out
  view.setInt32(at, node.written0, true)
  view.setInt32(at + 4, node.written1, true)
  view.setInt32(at + 8, node.written2, true)
  view.setInt32(at + 12, node.written3, true)
  for (let i = keptBytes; i < writtenLength; i++) view.setUint8(at + i, written[i] as number)
  out.at = at + writtenLength
}

/** Whether what is not compared by words of the element at `at` is of the node's name too. */
function isAt({ bytes }: BsonReader, { name }: NameNode, at: number): boolean {
  for (let i = keptBytes - 1; i < name.length; i++) if (bytes[at + 1 + i] !== name[i]) return false
  return true
}

function nodeOf(parent: NameNode | null, text: Buffer, index: number): NameNode {
  const written = Buffer.from(`${parent?.parent === null ? '{' : ','}${JSON.stringify(text.toString())}:`)
  const name = Buffer.concat([text, Buffer.of(0)])
  const head = Buffer.concat([Buffer.of(0), name])
  const mask = Buffer.concat([Buffer.of(0), Buffer.alloc(name.length, 0xff)])
  return {
    name: new Uint8Array(name),
    headLength: head.length,
    first: wordOf(head, 0),
    second: wordOf(head, 1),
    third: wordOf(head, 2),
    fourth: wordOf(head, 3),
    firstMask: wordOf(mask, 0),
    secondMask: wordOf(mask, 1),
    thirdMask: wordOf(mask, 2),
    fourthMask: wordOf(mask, 3),
    written: new Uint8Array(written),
    writtenLength: written.length,
    written0: wordOf(written, 0),
    written1: wordOf(written, 1),
    written2: wordOf(written, 2),
    written3: wordOf(written, 3),
    index: parent === null ? -1 : Math.max(parent.index, index),
    hasOthers: parent !== null && (parent.hasOthers || index < 0),
    parent,
    next: null,
    children: [],
    inner: null,
  }
}

function wordOf(bytes: Buffer, index: number): number {
  return Buffer.concat([bytes, Buffer.alloc(keptBytes)]).readInt32LE(index * wordBytes)
}
