/** What a command of a test finds in its environment: where programs are, where Node keeps what it compiles, and what is given. */
export function childEnvironment(given: Readonly<Record<string, string>>): Record<string, string | undefined> {
  const { PATH, NODE_COMPILE_CACHE } = process.env
  return { PATH, NODE_COMPILE_CACHE, ...given }
}
