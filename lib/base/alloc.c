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

cz_alloc cz_alloc_make(colorizer_alloc_fn alloc, colorizer_free_fn free_fn, void *user) {
    return alloc == NULL ? (cz_alloc){.alloc = default_alloc, .free = default_free}
                         : (cz_alloc){.alloc = alloc, .free = free_fn, .user = user};
}

/** What a block of `size` bytes takes: whole cache lines, one at least. 0 when it does not fit a size_t. */
static size_t block_bytes(size_t size) {
    size_t bytes;
    return cz_align_up(cz_max(size, 1), &bytes) ? bytes : 0;
}

void *cz_alloc_get(const cz_alloc *a, size_t size) {
    const size_t bytes = block_bytes(size);
    cz_buffer *buffer = a->buffer;
    void *block = NULL;
    if (bytes == 0) return NULL;
    if (buffer == NULL || buffer->base == NULL)
        block = a->alloc(a->user, bytes, CZ_ALIGN);
    else if (bytes <= buffer->size - buffer->used)
        block = buffer->base + buffer->used;
    if (block == NULL) return NULL;
    if (buffer != NULL) {
        buffer->used += bytes;
        buffer->peak = cz_max(buffer->peak, buffer->used);
    }
    memset(block, 0, bytes);
    return block;
}

void cz_alloc_put(const cz_alloc *a, void *block, size_t size) {
    if (block == NULL) return;
    const size_t bytes = block_bytes(size);
    cz_buffer *buffer = a->buffer;
    if (buffer == NULL || buffer->base == NULL) {
        if (buffer != NULL) buffer->used -= bytes;
        a->free(a->user, block, bytes);
    } else if ((unsigned char *)block + bytes == buffer->base + buffer->used) {
        buffer->used -= bytes;
    }
}
