SELECT version, published_at, expires_at, envelope
  FROM repository.publication
