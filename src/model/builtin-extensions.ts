// The extensions that come with PostgreSQL itself, 13 to 19: whoever requires one needs no repository for it.

const builtinExtensions = new Set(
  [
    'adminpack amcheck autoinc bloom bool_plperl bool_plperlu btree_gin btree_gist citext cube dblink dict_int dict_xsyn',
    'earthdistance file_fdw fuzzystrmatch hstore hstore_plperl hstore_plperlu hstore_plpython2u hstore_plpython3u',
    'hstore_plpythonu insert_username intagg intarray isn jsonb_plperl jsonb_plperlu jsonb_plpython2u jsonb_plpython3u',
    'jsonb_plpythonu lo ltree ltree_plpython2u ltree_plpython3u ltree_plpythonu moddatetime old_snapshot pageinspect',
    'pg_buffercache pg_freespacemap pg_logicalinspect pg_prewarm pg_stat_statements pg_surgery pg_trgm pg_visibility',
    'pg_walinspect pgcrypto pgrowlocks pgstattuple plperl plperlu plpgsql plpython2u plpython3u plpythonu pltcl pltclu',
    'postgres_fdw refint seg sslinfo tablefunc tcn tsm_system_rows tsm_system_time unaccent uuid-ossp xml2',
  ].flatMap((line) => line.split(' ')),
)

export function isBuiltinExtension(name: string): boolean {
  return builtinExtensions.has(name)
}
