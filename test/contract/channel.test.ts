import { inlineChannel } from '../../src/cluster/inline-channel.ts'
import { processChannel } from '../../src/cluster/process-channel.ts'
import { threadChannel } from '../../src/cluster/thread-channel.ts'
import { obey } from '../support/fixtures/channel-worker.ts'
import { describeChannel } from './channel.ts'

const fixture = (name: string): URL => new URL(`../support/fixtures/${name}.ts`, import.meta.url)

describeChannel('thread', {
  open: () => threadChannel(fixture('channel-thread')),
  transfer: 'moved',
  canCrash: true,
  ownProcess: false,
})

describeChannel('process', {
  open: () => processChannel(fixture('channel-process')),
  transfer: 'copied',
  canCrash: true,
  ownProcess: true,
})

describeChannel('inline', {
  open: () => inlineChannel(obey),
  transfer: 'lent',
  canCrash: false,
  ownProcess: false,
})
