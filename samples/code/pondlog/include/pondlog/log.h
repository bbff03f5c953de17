#ifndef PONDLOG_LOG_H
#define PONDLOG_LOG_H

#include <stddef.h>

#include "pondlog/record.h"

typedef enum { POND_OK, POND_CANNOT_OPEN, POND_CANNOT_WRITE, POND_DAMAGED } pond_status;

pond_status pond_append(const char *path, const pond_record *record);

/*
 * Calls `visit` for each whole record. POND_DAMAGED when the file ends in half a record or a
 * checksum is wrong: everything before the damage has been visited by then.
 */
pond_status pond_read(const char *path, void (*visit)(const pond_record *, void *), void *context,
                      size_t *count);

#endif
