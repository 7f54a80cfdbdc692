import type { CommandContext } from './context.ts'

const DEMO_USERS = 200_000
const DEMO_ORDERS = 20_000

export async function demo({ inputs, output, interrupts }: CommandContext): Promise<number> {
  const devkit = await import('../devkit/demo.ts')
  const { environment } = inputs
  const write = (text: string): void => output.result(text)
  await devkit.demo({ users: DEMO_USERS, orders: DEMO_ORDERS, environment, write }, interrupts.signal)
  return 0
}
