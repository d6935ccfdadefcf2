INSERT INTO repository.publication (version, published_at, expires_at, envelope)
VALUES ($1, $2, $3, $4)
ON CONFLICT (only_row) DO UPDATE
   SET version = excluded.version, published_at = excluded.published_at,
       expires_at = excluded.expires_at, envelope = excluded.envelope
