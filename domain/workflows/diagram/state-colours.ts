import type { TaskState } from './graph.ts'

/** Light enough for dark text; the state is written out, too, for those who do not see colours. */
export const COLOURS: Readonly<
  Record<TaskState, { readonly fill: string; readonly stroke: string }>
> = {
  running: { fill: '#cfe2ff', stroke: '#0a58ca' },
  waiting: { fill: '#fff3cd', stroke: '#997404' },
  completed: { fill: '#d1e7dd', stroke: '#146c43' },
  faulted: { fill: '#f8d7da', stroke: '#b02a37' },
  skipped: { fill: '#e9ecef', stroke: '#6c757d' },
  cancelled: { fill: '#e2d9f3', stroke: '#59359a' },
}
