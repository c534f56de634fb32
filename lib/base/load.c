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

int32_t cz_load_open(cz_load *l, const char *path, cz_error *err) {
    const int kept = errno;
    FILE *f = fopen(path, "rb");
    *l = (cz_load){.stream = f, .kept = kept};
    if (f != NULL && file_size(f, &l->size)) return COLORIZER_OK;
    cz_load_close(l);
    return f == NULL ? cz_fail(err, COLORIZER_E_IO, "model_path: '%.160s' could not be opened", path)
                     : cz_fail(err, COLORIZER_E_IO, "model_path: not a regular file of at most 1 GiB");
}

int32_t cz_load_read(void *load, void *to, size_t size, cz_error *err) {
    FILE *f = ((cz_load *)load)->stream;
    if (fread(to, 1, size, f) == size) return COLORIZER_OK;
    return cz_fail(err, COLORIZER_E_IO, "model_path: could not be read to its end");
}

void cz_load_close(cz_load *l) {
    if (l->stream != NULL) (void)fclose(l->stream);
    errno = l->kept;
}

#else

int32_t cz_load_open(cz_load *l, const char *path, cz_error *err) {
    (void)path;
    *l = (cz_load){0};
    return cz_fail(err, COLORIZER_E_UNSUPPORTED, "model_path: this library was built without files");
}

int32_t cz_load_read(void *load, void *to, size_t size, cz_error *err) {
    (void)load;
    (void)to;
    (void)size;
    return cz_fail(err, COLORIZER_E_UNSUPPORTED, "model_path: this library was built without files");
}

void cz_load_close(cz_load *l) { (void)l; }

#endif
