/**
 * As `Promise.all(items.map(act))`, with at most so many under way at once: where each holds a connection, a database
 * of a thousand tables must not need a thousand of them. After an error no other is begun.
 */
export async function mapAbreast<T, R>(
  items: readonly T[],
  abreast: number,
  act: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = []
  const waiting = items.entries()
  let failed = false
  const work = async (): Promise<void> => {
    for (const [index, item] of waiting) {
      if (failed) return
      try {
        results[index] = await act(item)
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(abreast, items.length) }, work))
  return results
}
