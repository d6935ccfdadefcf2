-- What 0.2 has more: a record that survives pg_upgrade, choices that travel in a dump, available() by a pattern.
\echo Use "ALTER EXTENSION pginstall UPDATE" to load this file. \quit

-- A lineage begins with each CREATE EXTENSION pginstall. pg_upgrade and physical copies carry it on, since they keep this
-- row of pg_extension; a dump does not. It stands where pg_dump looks for a filter of the table's rows, so those that
-- themselves came in a dump are not dumped again.
ALTER TABLE pginstall.record ADD COLUMN lineage pg_catalog.uuid, ADD COLUMN cluster pg_catalog.int8;
COMMENT ON COLUMN pginstall.record.lineage IS 'of this database and its physical copies; a row of another one came in a dump';
COMMENT ON COLUMN pginstall.record.cluster IS 'system identifier of the cluster that wrote the row: after pg_upgrade its oids are no longer so';
DO $$
DECLARE
    new_lineage pg_catalog.uuid := pg_catalog.gen_random_uuid();
BEGIN
    PERFORM pg_catalog.pg_extension_config_dump('pginstall.record',
        pg_catalog.format('WHERE lineage OPERATOR(pg_catalog.=) %L', new_lineage));
    UPDATE pginstall.record r SET lineage = new_lineage, cluster = s.system_identifier
      FROM pg_catalog.pg_control_system() s, pg_catalog.pg_extension e
     WHERE e.oid OPERATOR(pg_catalog.=) r.extension
       AND e.extname::pg_catalog.text OPERATOR(pg_catalog.=) r.name;
END
$$;

-- The same rule as in src/record_table.c: which rows are believed, and which of several.
CREATE OR REPLACE VIEW pginstall.installed AS
SELECT DISTINCT ON (e.oid)
       e.extname::pg_catalog.text AS name,
       e.extversion AS sql_version,
       r.full_name,
       r.version,
       r.digest,
       r.repository,
       r.installed_at
  FROM pginstall.record r
 CROSS JOIN pg_catalog.pg_control_system() s
  JOIN pg_catalog.pg_extension us
    ON us.extname OPERATOR(pg_catalog.=) 'pginstall'::pg_catalog.name
   AND us.extcondition[1] OPERATOR(pg_catalog.=)
       pg_catalog.format('WHERE lineage OPERATOR(pg_catalog.=) %L', r.lineage)
  JOIN pg_catalog.pg_extension e
    ON e.extname::pg_catalog.text OPERATOR(pg_catalog.=) r.name
   AND (e.oid OPERATOR(pg_catalog.=) r.extension OR r.cluster OPERATOR(pg_catalog.<>) s.system_identifier)
 ORDER BY e.oid, r.cluster OPERATOR(pg_catalog.=) s.system_identifier DESC, r.installed_at DESC;

-- pg_dump reads the table as whoever runs it.
GRANT SELECT ON pginstall.record TO PUBLIC;

CREATE FUNCTION pginstall.remember() RETURNS pg_catalog.void
    AS 'MODULE_PATHNAME', 'pginstall_remember' LANGUAGE c VOLATILE STRICT;
COMMENT ON FUNCTION pginstall.remember() IS 'writes what is installed into the comment on schema pginstall again, when the transaction commits';
REVOKE EXECUTE ON FUNCTION pginstall.remember() FROM PUBLIC;
SELECT pginstall.remember();

CREATE FUNCTION pginstall.sidecar_available(pattern pg_catalog.text) RETURNS pg_catalog.jsonb
    AS 'MODULE_PATHNAME', 'pginstall_available' LANGUAGE c VOLATILE STRICT;
COMMENT ON FUNCTION pginstall.sidecar_available(pg_catalog.text) IS 'what available() shows, as the sidecar says it';
COMMENT ON FUNCTION pginstall.sidecar_search(pg_catalog.text) IS 'what search() shows, as the sidecar says it';
COMMENT ON FUNCTION pginstall.sidecar_status() IS 'what status() shows, as the sidecar says it';

CREATE FUNCTION pginstall.available(pattern pg_catalog.text)
    RETURNS TABLE (name pg_catalog.text, full_name pg_catalog.text, version pg_catalog.text,
                   description pg_catalog.text, repository pg_catalog.text)
    LANGUAGE sql VOLATILE STRICT
    AS $$
SELECT e.*
  FROM pg_catalog.jsonb_to_recordset(pginstall.sidecar_available(pattern) OPERATOR(pg_catalog.->) 'extensions'::pg_catalog.text)
    AS e (name pg_catalog.text, full_name pg_catalog.text, version pg_catalog.text,
          description pg_catalog.text, repository pg_catalog.text)
$$;
COMMENT ON FUNCTION pginstall.available(pg_catalog.text) IS 'the same, of those whose full name, or short name without a slash in it, matches the pattern';

CREATE OR REPLACE FUNCTION pginstall.available()
    RETURNS TABLE (name pg_catalog.text, full_name pg_catalog.text, version pg_catalog.text,
                   description pg_catalog.text, repository pg_catalog.text)
    LANGUAGE sql VOLATILE
    AS $$ SELECT * FROM pginstall.available('**'::pg_catalog.text) $$;

-- Whoever may call search() may call these, too.
REVOKE EXECUTE ON FUNCTION pginstall.sidecar_available(pg_catalog.text), pginstall.available(pg_catalog.text) FROM PUBLIC;
DO $$
DECLARE
    grantee pg_catalog.regrole;
BEGIN
    FOR grantee IN
        SELECT a.grantee
          FROM pg_catalog.pg_proc p, pg_catalog.aclexplode(p.proacl) a
         WHERE p.oid OPERATOR(pg_catalog.=) 'pginstall.sidecar_search(pg_catalog.text)'::pg_catalog.regprocedure
           AND a.grantee OPERATOR(pg_catalog.<>) 0::pg_catalog.oid
           AND a.grantee OPERATOR(pg_catalog.<>) p.proowner
    LOOP
        EXECUTE pg_catalog.format(
            'GRANT EXECUTE ON FUNCTION pginstall.sidecar_available(pg_catalog.text), pginstall.available(pg_catalog.text) TO %s',
            grantee);
    END LOOP;
END
$$;
