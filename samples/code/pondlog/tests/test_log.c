#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "pondlog/crc.h"
#include "pondlog/log.h"

static void add_depth(const pond_record *record, void *context)
{
    *(unsigned *)context += record->depth_mm;
}

static void cut_off(const char *path, long bytes)
{
    char content[256];
    FILE *file = fopen(path, "rb");
    size_t length = fread(content, 1, sizeof content, file);
    fclose(file);
    file = fopen(path, "wb");
    fwrite(content, 1, length - (size_t)bytes, file);
    fclose(file);
}

int main(void)
{
    const char *path = "build/test.log";
    const pond_record cold = {1700000000u, 812, -35}, warm = {1700003600u, 790, 1210};
    uint8_t bytes[POND_RECORD_BYTES];
    pond_record back;
    unsigned depth = 0;
    size_t count = 0;

    assert(pond_crc16((const uint8_t *)"123456789", 9) == 0x29B1);

    pond_pack(&cold, bytes);
    assert(pond_unpack(bytes, &back));
    assert(back.seconds == cold.seconds && back.depth_mm == 812 && back.centidegree == -35);
    bytes[3] ^= 1;
    assert(!pond_unpack(bytes, &back));

    remove(path);
    assert(pond_read(path, add_depth, &depth, &count) == POND_CANNOT_OPEN);
    assert(pond_append(path, &cold) == POND_OK && pond_append(path, &warm) == POND_OK);
    assert(pond_read(path, add_depth, &depth, &count) == POND_OK);
    assert(count == 2 && depth == 1602);

    cut_off(path, 5);
    depth = 0;
    assert(pond_read(path, add_depth, &depth, &count) == POND_DAMAGED);
    assert(count == 1 && depth == 812);
    puts("ok");
    return 0;
}
