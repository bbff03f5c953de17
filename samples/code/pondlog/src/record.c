#include "pondlog/record.h"

#include <string.h>

#include "pondlog/crc.h"

static void put(uint8_t *bytes, uint64_t value, int count)
{
    for (int i = 0; i < count; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get(const uint8_t *bytes, int count)
{
    uint64_t value = 0;
    for (int i = count - 1; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

void pond_pack(const pond_record *record, uint8_t bytes[POND_RECORD_BYTES])
{
    memset(bytes, 0, POND_RECORD_BYTES);
    put(bytes, record->seconds, 8);
    put(bytes + 8, record->depth_mm, 2);
    put(bytes + 10, (uint16_t)record->centidegree, 2);
    put(bytes + 14, pond_crc16(bytes, 14), 2);
}

bool pond_unpack(const uint8_t bytes[POND_RECORD_BYTES], pond_record *record)
{
    if (get(bytes + 14, 2) != pond_crc16(bytes, 14))
        return false;
    record->seconds = get(bytes, 8);
    record->depth_mm = (uint16_t)get(bytes + 8, 2);
    record->centidegree = (int16_t)(uint16_t)get(bytes + 10, 2);
    return true;
}
