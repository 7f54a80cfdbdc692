import { deserialize, serialize, type Document } from 'bson'
import type { Db } from 'mongodb'
import { connect } from 'node:net'

const opMsg = 2013
const headerBytes = 16

/**
 * Inserts documents byte by byte as given, which the driver, writing its own, cannot do. In MongoDB's wire protocol
 * (https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol, OP_MSG), to a server without logins.
 */
export async function insertRaw(db: Db, collection: string, documents: readonly Uint8Array[]): Promise<void> {
  const hello = await db.command({ hello: 1 })
  const { hostname, port } = new URL(`tcp://${String(hello['primary'] ?? hello['me'])}`)
  const reply = await exchange(hostname, Number(port), insertMessage(db.databaseName, collection, documents))
  if (reply['ok'] !== 1 || reply['n'] !== documents.length) throw new Error(`not inserted: ${JSON.stringify(reply)}`)
}

/** Flags, a section of kind 0 with the command, and one of kind 1 with the documents. */
function insertMessage(database: string, collection: string, documents: readonly Uint8Array[]): Buffer {
  const name = Buffer.from('documents\0')
  const command = Buffer.from(serialize({ insert: collection, $db: database }))
  const size = Buffer.alloc(4)
  size.writeInt32LE(documents.reduce((sum, { length }) => sum + length, size.length + name.length))
  const body = Buffer.concat([Buffer.alloc(4), Buffer.of(0), command, Buffer.of(1), size, name, ...documents])
  const header = Buffer.alloc(headerBytes)
  header.writeInt32LE(headerBytes + body.length, 0)
  header.writeInt32LE(1, 4)
  header.writeInt32LE(opMsg, 12)
  return Buffer.concat([header, body])
}

async function exchange(host: string, port: number, message: Buffer): Promise<Document> {
  const socket = connect(port, host)
  try {
    socket.write(message)
    let received = Buffer.alloc(0)
    for await (const chunk of socket) {
      received = Buffer.concat([received, chunk as Buffer])
      if (received.length >= headerBytes && received.length >= received.readInt32LE(0)) {
        return deserialize(received.subarray(headerBytes + 5))
      }
    }
    throw new Error('the server closed the connection')
  } finally {
    socket.destroy()
  }
}
