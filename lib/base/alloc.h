/* SPDX-License-Identifier: BSD-2-Clause
 * Where memory comes from: the host's functions, malloc, or a caller's buffer. Everything the library allocates
 * goes through one cz_alloc. */
#ifndef CZ_BASE_ALLOC_H
#define CZ_BASE_ALLOC_H

#include "base/base.h"

/** A buffer from which blocks are cut in order. Giving back the last block makes room again; giving back another
 *  does nothing, so who shares a buffer frees in the reverse order. With base NULL it only counts: blocks come from
 *  the allocator's functions, and `peak` is the size the buffer would need. */
typedef struct cz_buffer {
    unsigned char *base; /* aligned to CZ_ALIGN, or NULL */
    size_t size;
    size_t used, peak;
} cz_buffer;

typedef struct cz_alloc {
    colorizer_alloc_fn alloc;
    colorizer_free_fn free;
    void *user;
    cz_buffer *buffer; /* NULL: alloc and free alone */
} cz_alloc;

/** Fills in malloc and free where `alloc` is NULL. */
cz_alloc cz_alloc_make(colorizer_alloc_fn alloc, colorizer_free_fn free, void *user);
/** `size` bytes aligned to CZ_ALIGN and zeroed, or NULL. size 0 gives a valid pointer. */
void *cz_alloc_get(const cz_alloc *a, size_t size);
/** Gives a block back; `size` as it was asked for. NULL does nothing. */
void cz_alloc_put(const cz_alloc *a, void *block, size_t size);

#endif
