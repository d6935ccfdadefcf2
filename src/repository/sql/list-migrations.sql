SELECT number, name, sha256
  FROM repository.migrations
 ORDER BY number
