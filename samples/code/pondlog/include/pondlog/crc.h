#ifndef PONDLOG_CRC_H
#define PONDLOG_CRC_H

#include <stddef.h>
#include <stdint.h>

/* CRC-16/CCITT-FALSE of `length` bytes. */
uint16_t pond_crc16(const uint8_t *bytes, size_t length);

#endif
