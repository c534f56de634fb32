/* SPDX-License-Identifier: BSD-2-Clause
 * Reading a file whole. */
#ifndef CZ_BASE_LOAD_H
#define CZ_BASE_LOAD_H

#include "base/alloc.h"
#include "base/error.h"

/** Largest file that is read. */
#define CZ_MAX_FILE ((size_t)1 << 30)

/** Reads the file at `path` into a block of *size bytes from `a`; the caller gives it back with cz_alloc_put().
 *  @return OK, E_IO (with *block NULL), E_MEMORY, or E_UNSUPPORTED in a build without stdio. Keeps errno. */
int32_t cz_load_file(const char *path, const cz_alloc *a, void **block, size_t *size, cz_error *err);

#endif
