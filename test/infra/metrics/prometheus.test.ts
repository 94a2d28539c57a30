import t from 'tap'
import { createPrometheusMetrics } from '../../../infra/metrics/prometheus.ts'

t.test('every fact is told under its name, and no two instances share counts', async (t) => {
  const metrics = createPrometheusMetrics()
  metrics.commandHandled('InstallServer', 'accepted', 0.01)
  metrics.appended(3, 0.002)
  metrics.projectorAt('things', 41n, 2)
  metrics.eventParked('things')
  metrics.relayAt(40n, 3)
  metrics.relayFailing(true)
  metrics.relayRefills()
  metrics.syncFinished('completed', 7, 1.5)
  metrics.installFinished('failed', 12)
  metrics.toolCalled('tool-error', 0.2)
  metrics.callsLost(4)
  metrics.serverProcesses(2)
  metrics.requestServed('GET', '/v1/things/:id', 404, 0.001)
  const { contentType, text } = await metrics.expose()
  t.match(contentType, 'text/plain')
  for (const line of [
    'tidemark_commands_seconds_count{command="InstallServer",outcome="accepted"} 1',
    'tidemark_appended_events_total 3',
    'tidemark_projector_position{read_model="things"} 41',
    'tidemark_projector_lag_events{read_model="things"} 2',
    'tidemark_parked_events_total{read_model="things"} 1',
    'tidemark_relay_position 40',
    'tidemark_relay_lag_events 3',
    'tidemark_relay_failing 1',
    'tidemark_relay_refills_total 1',
    'tidemark_syncs_seconds_count{outcome="completed"} 1',
    'tidemark_sync_changes_total 7',
    'tidemark_installs_seconds_count{outcome="failed"} 1',
    'tidemark_tool_calls_lost_total 4',
    'tidemark_tool_calls_seconds_count{outcome="tool-error"} 1',
    'tidemark_server_processes 2',
    'tidemark_http_requests_seconds_count{method="GET",route="/v1/things/:id",status="404"} 1',
  ])
    t.ok(text.includes(`${line}\n`), line)
  const other = await createPrometheusMetrics().expose()
  t.notMatch(other.text, 'InstallServer')
})
