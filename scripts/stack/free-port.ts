import { createServer } from 'node:net'

const LOOPBACK = '127.0.0.1'

/** @returns whether a server could listen on this port of the loopback address now. */
export function isPortFree(port: number): Promise<boolean> {
  return listenOnce(port).then(
    () => true,
    () => false,
  )
}

/** A port that nothing listens on now: one of `preferred` in their order, else any. */
export async function freePort(...preferred: readonly number[]): Promise<number> {
  for (const port of preferred) if (await isPortFree(port)) return port
  return listenOnce(0)
}

function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ port, host: LOOPBACK, exclusive: true }, () => {
      const address = server.address()
      server.close(() => {
        if (address === null || typeof address === 'string')
          reject(new Error('The system gave no port.'))
        else resolve(address.port)
      })
    })
  })
}
