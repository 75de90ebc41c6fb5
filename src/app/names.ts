/** The ledger in the data directory. */
export const LEDGER_FILE = 'ledger.db'
/** The spool in the data directory. */
export const SPOOL_FOLDER = 'spool'
/** The name of this node on every row it works on; there is one. */
export const NODE = 'kurir'
/** Bulk data on its way into an instance, in the data directory; nothing in it outlives a request. */
export const BULK_FOLDER = 'incoming'
