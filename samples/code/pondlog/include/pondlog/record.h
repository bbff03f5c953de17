#ifndef PONDLOG_RECORD_H
#define PONDLOG_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#define POND_RECORD_BYTES 16

typedef struct {
    uint64_t seconds;    /* since 1970, UTC */
    uint16_t depth_mm;   /* of the water */
    int16_t centidegree; /* hundredths of a degree Celsius */
} pond_record;

/* Writes a record in little-endian order, with its checksum in the last two bytes. */
void pond_pack(const pond_record *record, uint8_t bytes[POND_RECORD_BYTES]);

/* False when the checksum does not fit; `record` is then left alone. */
bool pond_unpack(const uint8_t bytes[POND_RECORD_BYTES], pond_record *record);

#endif
