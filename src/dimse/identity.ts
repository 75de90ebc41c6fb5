/** Implementation Version Name (PS3.7 D.3.3.2.3), at most 16 characters. Said to peers only, never written into a file. */
export const IMPLEMENTATION_VERSION_NAME = 'KURIR_DIMSE_1'
