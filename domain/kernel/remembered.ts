/** What is under the key, made where it is not there. The least recently used value is forgotten when there are more than `max`. */
export function remembered<T>(cache: Map<string, T>, max: number, key: string, make: () => T): T {
  const value = cache.get(key) ?? make()
  cache.delete(key)
  cache.set(key, value)
  const [oldest = key] = cache.keys()
  if (cache.size > max) cache.delete(oldest)
  return value
}
