// What `--import tsx` does for the main thread it does not do for the threads that this one starts.
import { register } from 'tsx/esm/api'

register()
