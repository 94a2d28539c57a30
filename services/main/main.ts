/** One process of Tidemark, configured by its environment alone. */
import { serve } from './serve.ts'

await serve(process.env)
