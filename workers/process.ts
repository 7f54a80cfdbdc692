import { armFromEnvironment } from '../src/cluster/failpoints.ts'
import { processEndpoint } from '../src/cluster/process-channel.ts'
import { serve } from '../src/cluster/serve.ts'
import { keepHeapSmall } from '../src/cluster/small-heap.ts'
import { workerIn } from '../src/engine/worker.ts'

keepHeapSmall()
armFromEnvironment(process.env)
await serve(processEndpoint(), workerIn({ ownProcess: true }))
// Its last word has left; the channel would keep the process alive.
process.exit(0)
