-- The update changes nothing; without it, a release that is there would not be returned.
INSERT INTO repository.releases (extension_id, version)
VALUES ($1, $2)
ON CONFLICT (extension_id, version) DO UPDATE SET version = excluded.version
RETURNING id
