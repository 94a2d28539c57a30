/** Where the read models that queries see are. */
export const LIVE_SCHEMA = 'read'
