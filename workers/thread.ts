import type { MessagePort } from 'node:worker_threads'
import { armFromEnvironment } from '../src/cluster/failpoints.ts'
import { serve } from '../src/cluster/serve.ts'
import { threadEndpoint } from '../src/cluster/thread-channel.ts'
import { workerIn } from '../src/engine/worker.ts'

armFromEnvironment(process.env)

/** The whole life of a worker in a thread. */
export function runWorker(port: MessagePort): Promise<void> {
  return serve(threadEndpoint(port), workerIn({ ownProcess: false }))
}
