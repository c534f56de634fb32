/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

static void *default_alloc(void *user, uint64_t size, uint64_t alignment) {
    (void)user;
    return aligned_alloc((size_t)alignment, (size_t)size);
}

static void default_free(void *user, void *ptr, uint64_t size) {
    (void)user;
    (void)size;
    free(ptr);
}

void cz_alloc_init(cz_alloc *a, colorizer_alloc_fn alloc, colorizer_free_fn free_fn, void *user) {
    *a = (cz_alloc){.alloc = alloc ? alloc : default_alloc, .free = alloc ? free_fn : default_free, .user = user};
}

void cz_alloc_init_static(cz_alloc *a, void *buffer, size_t size) {
    *a = (cz_alloc){.buffer = buffer, .buffer_size = size};
}

/** What a block of `size` bytes takes: whole cache lines, one at least. 0 when it does not fit a size_t. */
static size_t block_bytes(size_t size) {
    size_t bytes;
    return cz_align_up(cz_max(size, 1), &bytes) ? bytes : 0;
}

void *cz_alloc_get(cz_alloc *a, size_t size) {
    const size_t bytes = block_bytes(size);
    void *block = NULL;
    if (bytes == 0) return NULL;
    if (a->buffer == NULL)
        block = a->alloc(a->user, bytes, CZ_ALIGN);
    else if (bytes <= a->buffer_size - a->used)
        block = a->buffer + a->used;
    if (block == NULL) return NULL;
    a->used += bytes;
    a->peak = cz_max(a->peak, a->used);
    memset(block, 0, bytes);
    return block;
}

void cz_alloc_put(cz_alloc *a, void *block, size_t size) {
    if (block == NULL) return;
    const size_t bytes = block_bytes(size);
    if (a->buffer == NULL) {
        a->free(a->user, block, bytes);
        a->used -= bytes;
    } else if ((unsigned char *)block + bytes == a->buffer + a->used) {
        a->used -= bytes;
    }
}
