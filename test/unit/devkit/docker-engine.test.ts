import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findEngine } from '../../../src/devkit/servers/containers.ts'

let folder: string
let server: Server | null = null

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drover-engine-'))
})

afterEach(async () => {
  server?.close()
  server?.closeAllConnections()
  server = null
  await rm(folder, { recursive: true })
})

async function listen(answer: RequestListener): Promise<{ readonly DOCKER_HOST: string }> {
  const path = join(folder, 'docker.sock')
  server = createServer(answer).listen(path)
  await once(server, 'listening')
  return { DOCKER_HOST: `unix://${path}` }
}

describe('the Docker engine', () => {
  it('is found where something answers a ping', async () => {
    const environment = await listen((asked, answer) => answer.writeHead(asked.url === '/_ping' ? 200 : 404).end('OK'))
    await expect(findEngine(environment)).resolves.toBeUndefined()
  })

  it('is not what answers with an error', async () => {
    const environment = await listen((_asked, answer) => answer.writeHead(500).end())
    await expect(findEngine(environment)).rejects.toThrow('answers with status 500')
  })

  it('is not a socket behind which nobody answers', async () => {
    const environment = await listen(() => undefined)
    await expect(findEngine(environment)).rejects.toThrow(`unix://${folder}/docker.sock: The operation was aborted`)
  })

  it('is not looked for elsewhere when DOCKER_HOST names a place', async () => {
    await expect(findEngine({ DOCKER_HOST: 'tcp://127.0.0.1:1' })).rejects.toThrow(
      /^no engine answers \(tcp:[^ ]+: connect ECONNREFUSED/,
    )
  })
})
