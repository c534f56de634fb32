/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/load.h"

#if defined(CZ_STDIO)

#include <errno.h>
#include <stdio.h>

/** The size of an open file, left at its beginning; false when it has none or it is too large. */
static bool file_size(FILE *f, size_t *size) {
    if (fseek(f, 0, SEEK_END) != 0) return false;
    const long end = ftell(f);
    if (end < 0 || (unsigned long)end > CZ_MAX_FILE || fseek(f, 0, SEEK_SET) != 0) return false;
    *size = (size_t)end;
    return true;
}

static int32_t read_whole(FILE *f, const cz_alloc *a, void **block, size_t *size, cz_error *err) {
    if (!file_size(f, size)) return cz_fail(err, COLORIZER_E_IO, "model_path: not a regular file of at most 1 GiB");
    *block = cz_alloc_get(a, *size);
    if (*block == NULL) return cz_fail(err, COLORIZER_E_MEMORY, "no memory for a model file of %zu bytes", *size);
    if (fread(*block, 1, *size, f) == *size) return COLORIZER_OK;
    cz_alloc_put(a, *block, *size);
    *block = NULL;
    return cz_fail(err, COLORIZER_E_IO, "model_path: could not be read to its end");
}

int32_t cz_load_file(const char *path, const cz_alloc *a, void **block, size_t *size, cz_error *err) {
    const int kept = errno;
    int32_t status;
    *block = NULL;
    *size = 0;
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        status = cz_fail(err, COLORIZER_E_IO, "model_path: '%.160s' could not be opened", path);
    } else {
        status = read_whole(f, a, block, size, err);
        (void)fclose(f);
    }
    errno = kept;
    return status;
}

#else

int32_t cz_load_file(const char *path, const cz_alloc *a, void **block, size_t *size, cz_error *err) {
    (void)path;
    (void)a;
    *block = NULL;
    *size = 0;
    return cz_fail(err, COLORIZER_E_UNSUPPORTED, "model_path: this library was built without files");
}

#endif
