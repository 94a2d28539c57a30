import t from 'tap'
import { LOOK, placesOf } from '../../../infra/projector/checkpoints.ts'
import { HeardPlaces } from '../../../infra/projector/heard-places.ts'
import { readModels } from '../../../projections/read-models.ts'

const names = readModels.map(({ name }) => name)

/** What a commit tells that took these read models to a position. */
function told(
  to: bigint,
  moved: readonly string[],
  options: { stopped?: string; schema?: string } = {},
) {
  const { stopped = null, schema = 'read' } = options
  const from = { version: 1, position: 0n, epoch: 0, stopped: null }
  return placesOf(
    schema,
    moved.map((name) => ({ name, from, to, stopped })),
  )
}

t.test('where read models are is known of those that were heard of', async (t) => {
  const heard = new HeardPlaces('read', readModels)
  t.equal(heard.reached('all'), undefined)
  heard.hear(told(4n, names.slice(1)))
  t.equal(heard.reached('all'), undefined, 'of one nothing was heard')
  t.equal(heard.reached(names.slice(0, 2)), undefined)
  t.equal(heard.hear(told(5n, names)), true)
  t.equal(heard.reached('all'), 5n)
  heard.hear(told(9n, ['tenants']))
  t.equal(heard.reached(['tenants']), 9n)
  t.equal(heard.reached('following'), 5n, 'the slowest counts')
  t.equal(heard.reached(['somebody else']), undefined)
  t.equal(new HeardPlaces('read', undefined).reached('all'), undefined, 'nobody says which')
})

t.test(
  'what is built elsewhere is not heard, and what is unclear has to be looked at',
  async (t) => {
    const heard = new HeardPlaces('read', readModels)
    heard.hear(told(5n, names))
    t.equal(heard.hear(told(7n, names, { schema: 'scratch_1' })), false)
    t.equal(heard.reached('all'), 5n)
    for (const unclear of [LOOK, undefined, told(9n, ['tenants'], { stopped: 'it cannot' })]) {
      heard.hear(told(6n, names))
      t.equal(heard.reached('all'), 6n)
      heard.hear(unclear)
      t.equal(heard.reached('all'), undefined)
    }
    const many = Array.from({ length: 500 }, (_, index) => `a-read-model-of-many-${index}`)
    t.equal(told(5n, many), LOOK, 'longer than a notification may be')
  },
)
