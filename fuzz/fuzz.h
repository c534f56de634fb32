/* SPDX-License-Identifier: BSD-2-Clause
 * What the fuzz targets share. */
#ifndef CZ_FUZZ_FUZZ_H
#define CZ_FUZZ_FUZZ_H

#include "model_builder.h"

/** One input; always 0. What libFuzzer, or standalone.c, calls. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** A copy, aligned and with nothing readable after it, whose file_size, payload_offset and checksums fit: the checks
 *  behind them are reached. Free with free(). */
unsigned char *fuzz_repair(const uint8_t *data, size_t size);

/** Turns bytes into a model that is valid most of the time: each byte decides something. Inputs have fixed sizes. */
void fuzz_generate(mb_model *m, const uint8_t *data, size_t size);

/** Writes down where the target found a fault, and aborts. */
#define FUZZ_CHECK(condition)                                                                                          \
    do {                                                                                                               \
        if (!(condition)) fuzz_fault(__FILE__, __LINE__, #condition);                                                  \
    } while (0)
void fuzz_fault(const char *file, int line, const char *what);

#endif
