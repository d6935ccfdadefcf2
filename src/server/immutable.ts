// What is addressed by its content never changes.

/** Cache-Control of a content address, RFC 8246. */
export const immutable = 'public, max-age=31536000, immutable'
