-- The SQL surface of pginstall: the record of providers, and what the sidecar knows.
--
-- Everything is written with its schema, operators too: the schema may have been there before us, and search_path
-- begins with it.
\echo Use "CREATE EXTENSION pginstall" to load this file. \quit

-- Who owns the schema can rename it and put tables of their own in its place, which superusers would then write to.
DO $$
BEGIN
    IF NOT (SELECT r.rolsuper
              FROM pg_catalog.pg_namespace n
              JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) n.nspowner
             WHERE n.nspname OPERATOR(pg_catalog.=) 'pginstall'::pg_catalog.name)
    THEN
        RAISE insufficient_privilege USING
            MESSAGE = 'schema "pginstall" belongs to a role that is not a superuser',
            HINT = 'Drop the schema or give it to a superuser.';
    END IF;
END
$$;

-- Which provider, version, archive and repository an extension of this database came from. There is no key: after a
-- restore the rows of the other database stand beside our own, under oids that mean nothing here or something else.
CREATE TABLE pginstall.record (
    extension    pg_catalog.oid NOT NULL,
    name         pg_catalog.text NOT NULL,
    full_name    pg_catalog.text NOT NULL,
    version      pg_catalog.text NOT NULL,
    digest       pg_catalog.text NOT NULL,
    repository   pg_catalog.text NOT NULL,
    installed_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.now()
);
COMMENT ON TABLE pginstall.record IS 'where extensions came from; read it through pginstall.installed';
COMMENT ON COLUMN pginstall.record.version IS 'of the archive that was installed';
COMMENT ON COLUMN pginstall.record.digest IS 'SHA-256 of that archive';
COMMENT ON COLUMN pginstall.record.repository IS 'its name in the settings of the sidecar';
SELECT pg_catalog.pg_extension_config_dump('pginstall.record', '');

CREATE VIEW pginstall.installed AS
SELECT DISTINCT ON (e.oid)
       e.extname::pg_catalog.text AS name,
       e.extversion AS sql_version,
       r.full_name,
       r.version,
       r.digest,
       r.repository,
       r.installed_at
  FROM pginstall.record r
  JOIN pg_catalog.pg_extension e
    ON e.oid OPERATOR(pg_catalog.=) r.extension
   AND e.extname::pg_catalog.text OPERATOR(pg_catalog.=) r.name
 ORDER BY e.oid, r.installed_at DESC;
COMMENT ON VIEW pginstall.installed IS 'extensions of this database that came through pginstall';

CREATE FUNCTION pginstall.sidecar_search(words pg_catalog.text) RETURNS pg_catalog.jsonb
    AS 'MODULE_PATHNAME', 'pginstall_search' LANGUAGE c VOLATILE STRICT;

CREATE FUNCTION pginstall.sidecar_status() RETURNS pg_catalog.jsonb
    AS 'MODULE_PATHNAME', 'pginstall_status' LANGUAGE c VOLATILE STRICT;

CREATE FUNCTION pginstall.search(words pg_catalog.text)
    RETURNS TABLE (name pg_catalog.text, full_name pg_catalog.text, version pg_catalog.text,
                   description pg_catalog.text, repository pg_catalog.text, installable pg_catalog.bool)
    LANGUAGE sql VOLATILE STRICT
    AS $$
SELECT e.*
  FROM pg_catalog.jsonb_to_recordset(pginstall.sidecar_search(words) OPERATOR(pg_catalog.->) 'extensions'::pg_catalog.text)
    AS e (name pg_catalog.text, full_name pg_catalog.text, version pg_catalog.text,
          description pg_catalog.text, repository pg_catalog.text, installable pg_catalog.bool)
$$;
COMMENT ON FUNCTION pginstall.search(pg_catalog.text) IS 'extensions whose full name or description contains the words';

CREATE FUNCTION pginstall.available()
    RETURNS TABLE (name pg_catalog.text, full_name pg_catalog.text, version pg_catalog.text,
                   description pg_catalog.text, repository pg_catalog.text)
    LANGUAGE sql VOLATILE
    AS $$
SELECT s.name, s.full_name, s.version, s.description, s.repository
  FROM pginstall.search(''::pg_catalog.text) s
 WHERE s.installable
$$;
COMMENT ON FUNCTION pginstall.available() IS 'extensions that can be created on this server';

CREATE FUNCTION pginstall.status()
    RETURNS TABLE (sidecar_version pg_catalog.text, target pg_catalog.text, directory pg_catalog.text,
                   repository pg_catalog.text, uri pg_catalog.text, index_version pg_catalog.int8,
                   updated pg_catalog.timestamptz, expires pg_catalog.timestamptz)
    LANGUAGE sql VOLATILE
    AS $$
SELECT s.version, s.target, s.directory, r.name, r.uri, r.index_version, r.updated, r.expires
  FROM pg_catalog.jsonb_to_record(pginstall.sidecar_status())
    AS s (version pg_catalog.text, target pg_catalog.text, directory pg_catalog.text, repositories pg_catalog.jsonb)
  LEFT JOIN LATERAL pg_catalog.jsonb_to_recordset(s.repositories)
    AS r (name pg_catalog.text, uri pg_catalog.text, index_version pg_catalog.int8,
          updated pg_catalog.timestamptz, expires pg_catalog.timestamptz) ON true
$$;
COMMENT ON FUNCTION pginstall.status() IS 'the sidecar of this server and its repositories, one a row';

-- Everyone may see what is installed; what repositories have is told to those who are granted search() and
-- sidecar_search(), since the names in a private repository may be secret.
GRANT USAGE ON SCHEMA pginstall TO PUBLIC;
GRANT SELECT ON pginstall.installed TO PUBLIC;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA pginstall FROM PUBLIC;
