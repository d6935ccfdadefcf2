UPDATE repository.extensions
   SET description = $2
 WHERE id = $1
