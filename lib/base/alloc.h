/* SPDX-License-Identifier: BSD-2-Clause
 * Where memory comes from: the host's functions, malloc, or a caller's buffer. Everything the library allocates
 * goes through one cz_alloc. */
#ifndef CZ_BASE_ALLOC_H
#define CZ_BASE_ALLOC_H

#include "base/base.h"

/** An allocator. In a static handle (`buffer` not NULL) blocks are cut from the buffer in order and given back in
 *  the reverse order: freeing the last block makes room again, freeing another does nothing until all after it
 *  have gone. `used` and `peak` count bytes in every case, as the static buffer would: aligned to CZ_ALIGN. */
typedef struct cz_alloc {
    colorizer_alloc_fn alloc;
    colorizer_free_fn free;
    void *user;
    unsigned char *buffer;
    size_t buffer_size;
    size_t used;
    size_t peak;
} cz_alloc;

/** Fills in malloc and free where `alloc` is NULL. */
void cz_alloc_init(cz_alloc *a, colorizer_alloc_fn alloc, colorizer_free_fn free, void *user);
/** An allocator on a buffer aligned to CZ_ALIGN. */
void cz_alloc_init_static(cz_alloc *a, void *buffer, size_t size);
/** `size` bytes aligned to CZ_ALIGN and zeroed, or NULL. size 0 gives a valid pointer. */
void *cz_alloc_get(cz_alloc *a, size_t size);
/** Gives a block back; `size` as it was asked for. NULL does nothing. */
void cz_alloc_put(cz_alloc *a, void *block, size_t size);

#endif
