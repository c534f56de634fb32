/* SPDX-License-Identifier: BSD-2-Clause
 * Reading a file from its beginning to its end. */
#ifndef CZ_BASE_LOAD_H
#define CZ_BASE_LOAD_H

#include "base/error.h"

/** Largest file that is read. */
#define CZ_MAX_FILE ((size_t)1 << 30)

/** An open file. */
typedef struct cz_load {
    void *stream;
    size_t size;
    int kept; /* errno as it was */
} cz_load;

/** @return OK, E_IO (no such file, or no regular one of at most CZ_MAX_FILE bytes), or E_UNSUPPORTED in a build without
 *  stdio. Nothing is left open then. */
int32_t cz_load_open(cz_load *l, const char *path, cz_error *err);
/** Writes the next `size` bytes to `to`; `load` is the cz_load. @return OK or E_IO. */
int32_t cz_load_read(void *load, void *to, size_t size, cz_error *err);
/** Closes what cz_load_open() opened, and makes errno what it was then. */
void cz_load_close(cz_load *l);

#endif
