/* SPDX-License-Identifier: BSD-2-Clause */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fuzz_fault(const char *file, int line, const char *what) {
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    abort();
}

unsigned char *fuzz_repair(const uint8_t *data, size_t size) {
    static const uint32_t record[5] = {32, 48, 128, 16, 16};
    unsigned char *copy = mb_exact(size);
    if (size > 0) memcpy(copy, data, size);
    if (size < CZ_FILE_HEADER) return copy;
    uint32_t count[6];
    uint64_t end = CZ_FILE_HEADER;
    const uint64_t file_size = size;
    memcpy(count, copy + 24, sizeof count);
    for (int i = 0; i < 5; i++) end += (uint64_t)count[i] * record[i];
    end = (end + count[5] + CZ_ALIGN - 1) / CZ_ALIGN * CZ_ALIGN;
    memcpy(copy + 16, &file_size, sizeof file_size);
    memcpy(copy + 48, &end, sizeof end);
    mb_seal(copy, size);
    return copy;
}
