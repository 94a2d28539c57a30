import { Type } from 'typebox'

export const Installation = Type.Object({
  installationId: Type.String({ format: 'uuid', description: 'an installation of this tenant' }),
})

export const Cause = Type.String({
  minLength: 1,
  maxLength: 500,
  description: 'one sentence: why it is not to run',
})
