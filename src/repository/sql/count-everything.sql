SELECT (SELECT count(*) FROM repository.extensions) AS extensions,
       (SELECT count(*) FROM repository.releases) AS releases,
       (SELECT count(*) FROM repository.archives) AS archives
