// What a module wants of the server, as its own bytes say it: names of PostgreSQL's functions that it calls or offers.

/**
 * Whether a module wants to be preloaded: it names the setting in a message ("must be loaded via
 * shared_preload_libraries"), or calls what has an effect in the postmaster only. The server's variable
 * process_shared_preload_libraries_in_progress alone says nothing: many only ask. `content` is the file as latin1.
 */
export function wantsPreload(content: string): boolean {
  return /(?<!process_)shared_preload_libraries|\0(?:RegisterBackgroundWorker|RequestAddinShmemSpace)\0/.test(content)
}

/**
 * Whether the server, or the module itself, looks the module up by the plain name that its author gave it: as what is
 * preloaded, as a background worker's library, as an output plugin.
 */
export function wantsPlainName(content: string): boolean {
  return wantsPreload(content) || /\0(?:RegisterDynamicBackgroundWorker|_PG_output_plugin_init)\0/.test(content)
}
