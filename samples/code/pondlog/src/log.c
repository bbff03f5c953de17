#include "pondlog/log.h"

#include <stdio.h>

pond_status pond_append(const char *path, const pond_record *record)
{
    uint8_t bytes[POND_RECORD_BYTES];
    FILE *file = fopen(path, "ab");
    if (!file)
        return POND_CANNOT_OPEN;
    pond_pack(record, bytes);
    size_t written = fwrite(bytes, 1, sizeof bytes, file);
    if (fclose(file) != 0 || written != sizeof bytes)
        return POND_CANNOT_WRITE;
    return POND_OK;
}

pond_status pond_read(const char *path, void (*visit)(const pond_record *, void *), void *context,
                      size_t *count)
{
    uint8_t bytes[POND_RECORD_BYTES];
    pond_status status = POND_OK;
    size_t found = 0, read = 0;
    FILE *file = fopen(path, "rb");
    if (!file)
        return POND_CANNOT_OPEN;
    while ((read = fread(bytes, 1, sizeof bytes, file)) > 0) {
        pond_record record;
        if (read < sizeof bytes || !pond_unpack(bytes, &record)) {
            status = POND_DAMAGED;
            break;
        }
        visit(&record, context);
        found++;
    }
    fclose(file);
    if (count)
        *count = found;
    return status;
}
